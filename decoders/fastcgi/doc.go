// Package fastcgi decodes what web servers say to php-fpm and others: FastCGI
// 1.0 (https://fastcgi-archives.github.io/FastCGI_Specification.html). Names are
// those of the specification and of CGI/1.1 (RFC 3875).
//
// framer.go cuts either end's bytes into records. decoder.go puts the records
// of a request together by its id: request.go has what the web server sends,
// response.go what the application answers.
package fastcgi

import (
	"unixcap/decoders"
	"unixcap/decoders/uri"
)

// Protocol is FastCGI's entry in the list of protocols.
var Protocol = decoders.Protocol{
	Name:  "fastcgi",
	Title: "FastCGI",
	About: "FastCGI, as php-fpm speaks it: requests by their ids, parameters, status, standard error.",
	Ports: []uint16{9000},
	Paths: []string{"*/php*fpm*.sock", "*/php-cgi*.sock", "*/fcgiwrap*.s*", "*/fastcgi*.s*"},

	Detect:            detect,
	New:               newDecoder,
	AppendFingerprint: uri.AppendRoute,
}
