# A step that says in the ledger when it begins and how it ends, each with one write.
# Arguments: seconds of work, how many attempts fail first, a file to write (or none).
say() {
  read -r up rest </proc/uptime
  echo "$1 $ORCHESTRA_STEP $ORCHESTRA_ATTEMPT $$ $up $2" >>"$LEDGER"
}
trap 'say end 143; exit 143' TERM
say begin -
sleep "$1"
status=0
[ "$ORCHESTRA_ATTEMPT" -gt "$2" ] || status=75
[ -z "$3" ] || echo "$ORCHESTRA_STEP" >"$3"
say end "$status"
exit "$status"
