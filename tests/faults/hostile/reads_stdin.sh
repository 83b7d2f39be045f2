# Reads its input to the end.
. "${0%/*}/stay.sh"
cat >/dev/null
stay "$1"
