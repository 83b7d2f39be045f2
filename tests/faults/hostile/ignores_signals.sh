# Ignores what can be ignored, and so does what it leaves in the background.
. "${0%/*}/stay.sh"
trap '' TERM INT HUP
sleep 1000 &
stay "$1"
