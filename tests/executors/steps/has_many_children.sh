# 200 children in its group.
for _ in $(seq 200); do sleep 1000 & done
echo ready
wait
