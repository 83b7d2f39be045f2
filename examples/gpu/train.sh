# A training that only sleeps. Notes when it gets its devices and when it gives them back.
echo "$ORCHESTRA_STEP has the devices $CUDA_VISIBLE_DEVICES"
echo "begin $ORCHESTRA_STEP $CUDA_VISIBLE_DEVICES" >> work/timeline.txt
sleep 0.4
echo "end $ORCHESTRA_STEP $CUDA_VISIBLE_DEVICES" >> work/timeline.txt
