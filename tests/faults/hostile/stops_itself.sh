# Stops a child in the background, and itself where it is not to end.
. "${0%/*}/stay.sh"
sh -c 'kill -STOP $$; sleep 1000' &
[ "$1" = end ] || { : >"$READY"; kill -STOP $$; }
stay "$1"
