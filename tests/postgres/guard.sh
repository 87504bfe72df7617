# Runs one postgres and outlives whoever started it: when standard input ends, because its
# writer closed it or was killed in whatever way, postgres is ended and the directory removed.
# usage: sh -c "$(cat guard.sh)" guard DIRECTORY COMMAND [ARGUMENT...]; descriptor 3 takes what
# postgres says, and nobody else keeps it open, so that its end is the end of postgres.
dir=$1
shift
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
	kill -QUIT "$server"
	wait "$server"
fi
cd / && rm -rf "$dir"
