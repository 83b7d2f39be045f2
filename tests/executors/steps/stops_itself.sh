# Stops, and would only see TERM once it is continued.
trap 'echo got term; exit 5' TERM
echo ready
kill -STOP $$
while :; do sleep 0.05; done
