// Package all lists the protocols that can be decoded.
package all

import (
	"unixcap/decoders"
	"unixcap/decoders/dbus"
	"unixcap/decoders/fastcgi"
	"unixcap/decoders/http"
	"unixcap/decoders/http2"
	"unixcap/decoders/journald"
	"unixcap/decoders/json"
	"unixcap/decoders/memcached"
	"unixcap/decoders/mysql"
	"unixcap/decoders/postgresql"
	"unixcap/decoders/redis"
	"unixcap/decoders/sdnotify"
	"unixcap/decoders/syslog"
)

// Protocols are all protocols, in the order in which they are tried.
var Protocols = []decoders.Protocol{
	mysql.Protocol,
	postgresql.Protocol,
	redis.Protocol,
	dbus.Protocol,
	http.Protocol,
	http2.Protocol,
	syslog.Protocol,
	journald.Protocol,
	sdnotify.Protocol,
	memcached.Protocol,
	fastcgi.Protocol,
	json.Protocol,
}
