# Removes the folder that it is in.
. "${0%/*}/stay.sh"
mkdir here
cd here
rm -rf ../here
stay "$1"
