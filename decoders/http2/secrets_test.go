package http2

import (
	"strings"
	"testing"

	"unixcap/decoders/decodertest"
)

// root is a message with a name and a password.
const root = "\x00\x00\x00\x00\x0e\x0a\x04root\x12\x06geheim"

// Whether a call's messages have secrets is what its method tells. Where that is
// not known, they are not shown.
func TestMessagesWithoutAMethod(t *testing.T) {
	s := newConnection()
	call := func(id uint32) {
		s.head(client, id, false, ":method", "POST", ":path", "/etcdserverpb.Auth/Authenticate", "content-type", "application/grpc")
		s.data(client, id, true, []byte(root))
		s.flush(client)
		s.head(server, id, false, ":status", "200", "content-type", "application/grpc")
		s.head(server, id, true, "grpc-status", "0")
		s.flush(server)
	}
	call(1)
	first := len(s.c)
	call(3)
	s.head(client, 5, false, ":method", "POST", "content-type", "application/grpc+proto")
	s.data(client, 5, true, []byte(root))
	s.flush(client)
	for _, c := range []decodertest.Conversation{s.c, s.c[first:]} {
		for _, x := range decodertest.Whole(Protocol, c) {
			if strings.Contains(decodertest.JSON(&x), "geheim") {
				t.Error(decodertest.JSON(&x))
			}
		}
	}
}

// Methods whose messages have secrets that no field's name tells.
func TestMethodsWithSecrets(t *testing.T) {
	for _, method := range []string{
		"/runtime.v1.ImageService/PullImage", "/csi.v1.Node/NodePublishVolume", "/csi.v1.Controller/CreateVolume",
		"/v2.KeyManagementService/Decrypt", "/moby.filesync.v1.Auth/Credentials", "/moby.buildkit.secrets.v1.Secrets/GetSecret",
		"/shop.Users/Login", "/Auth/Check", "/dbplugin.v5.Database/NewUser", "/dbplugin.v5.Database/UpdateUser", "/pb.Backend/HandleRequest",
		"/SpiffeWorkloadAPI/FetchX509SVID", "/SpiffeWorkloadAPI/FetchJWTSVID", "/lnrpc.Lightning/BakeMacaroon",
	} {
		s := newConnection()
		s.head(client, 1, false, ":method", "POST", ":path", method, "content-type", "application/grpc")
		s.data(client, 1, true, []byte(root))
		s.flush(client)
		s.head(server, 1, false, ":status", "200", "content-type", "application/grpc")
		s.head(server, 1, true, "grpc-status", "0")
		s.flush(server)
		for _, x := range decodertest.Whole(Protocol, s.c) {
			if got := decodertest.JSON(&x); strings.Contains(got, "geheim") || !strings.Contains(got, `"request_messages":1`) {
				t.Error(got)
			}
		}
	}
}

// A password in a repeated field is behind the flag that it belongs to, as in the
// command of CRI's ExecSync.
func TestSecretBehindAFlag(t *testing.T) {
	var p printer
	for message, want := range map[string]string{
		"\x0a\x02id" + "\x12\x05mysql" + "\x12\x0a--password" + "\x12\x06geheim" + "\x12\x01x": `1: "id" 2: "mysql" 2: "--password" 2: "<secret>" 2: "x"`,
		"\x0a\x02id" + "\x12\x05mysql" + "\x12\x08-pgeheim" + "\x12\x01x":                      `1: "id" 2: "mysql" 2: "-p<secret>" 2: "x"`,
		"\x0a\x05mysql" + "\x12\x08-pgeheim":                                                   `1: "mysql" 2: "-pgeheim"`,
	} {
		if got := string(p.print([]byte(message), true)); got != want {
			t.Errorf("got %s\nwant %s", got, want)
		}
	}
}

// User information, which must not be in an authority, is not shown if it is.
func TestUserInformation(t *testing.T) {
	for _, fields := range [][]string{
		{":method", "GET", ":path", "/", ":authority", "me:geheim@host:80"},
		{":method", "GET", ":path", "/", "host", "me:geheim@host:80"},
		{":method", "CONNECT", ":authority", "me:geheim@host:80"},
	} {
		s := newConnection()
		s.head(client, 1, true, fields...)
		s.flush(client)
		s.answer(1, "200", "")
		for _, x := range decodertest.Whole(Protocol, s.c) {
			if got := decodertest.JSON(&x); strings.Contains(got, "geheim") || !strings.Contains(got, "host:80") {
				t.Error(got)
			}
		}
	}
}
