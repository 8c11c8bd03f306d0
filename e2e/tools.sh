#!/bin/sh
# Gets the programs that some tests run for real, where this user may install
# them, and says which of those tests are left out where it may not.
missing=""
for pair in chromium:chromium nginx:nginx redis-server:redis-server python3:python3 node:nodejs npm:npm systemd-socket-activate:systemd; do
	command -v "${pair%%:*}" >/dev/null 2>&1 || missing="$missing ${pair##*:}"
done
[ -z "$missing" ] && exit 0
if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
	echo "installing$missing"
	log=$(mktemp)
	# shellcheck disable=SC2086
	{ apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $missing; } >"$log" 2>&1 ||
		tail -3 "$log" >&2
	rm -f "$log"
fi
for pair in chromium:chromium nginx:nginx redis-server:redis-server python3:python3 node:nodejs npm:npm systemd-socket-activate:systemd; do
	command -v "${pair%%:*}" >/dev/null 2>&1 ||
		echo "${pair##*:} is not here and could not be installed: the tests that run it are left out" >&2
done
exit 0
