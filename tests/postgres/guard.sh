# Runs one postgres and outlives whoever started it: when standard input ends, because its
# writer closed it or was killed in whatever way, postgres is ended and the directory removed.
# usage: sh -c "$(cat guard.sh)" guard DIRECTORY SIGNAL COMMAND [ARGUMENT...]; SIGNAL is what ends it at
# once, and descriptor 3 takes what postgres says, and nobody else keeps it open, so that its end is
# the end of postgres.
dir=$1 quit=$2
shift 2
"$@" </dev/null >&3 2>&3 3>&- &
server=$!
exec 3>&-
while read -r word; do
	case $word in
	stop)
		kill -INT "$server"
		wait "$server"
		server=
		;;
	leave) exit 0 ;; # another guard has taken over the directory
	esac
done
if [ -n "$server" ]; then
	kill "-$quit" "$server"
	wait "$server"
fi
cd / && rm -rf "$dir"
