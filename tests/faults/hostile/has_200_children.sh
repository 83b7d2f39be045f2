# 200 children in its group.
. "${0%/*}/stay.sh"
for _ in $(seq 200); do sleep 1000 & done
stay "$1"
