# Removes its log, and all others, whenever there is one.
. "${0%/*}/stay.sh"
echo something
rm -f "${ORCHESTRA_OUTPUT%/*}"/../logs/*
echo more
rm -f "${ORCHESTRA_OUTPUT%/*}"/../logs/*
stay "$1"
