package json

import (
	"strings"
	"testing"

	"unixcap/decoders"
	"unixcap/decoders/decodertest"
)

// What is shown of calls that have secrets.
func TestSecrets(t *testing.T) {
	for call, want := range map[string]string{
		`{"execute":"human-monitor-command","arguments":{"command-line":"set_password vnc geheim"}}`:                          "human-monitor-command <secret>",
		`{"execute":"human-monitor-command","arguments":{"cpu-index":0,"command-line":" change vnc password geheim"}}`:        "human-monitor-command <secret>",
		`{"execute":"human-monitor-command","arguments":{"command-line":"object_add secret,id=s,data=geheim"}}`:               "human-monitor-command <secret>",
		`{"execute":"human-monitor-command","arguments":{"command-line":"object_add\u0020qom-type=secret,id=s,data=geheim"}}`: "human-monitor-command <secret>",
		`{"execute":"human-monitor-command","arguments":{"command-line":"object_add rng-random,id=r"}}`:                       `human-monitor-command {"command-line":"object_add rng-random,id=r"}`,
		`{"execute":"human-monitor-command","arguments":{"command-line":"info network"}}`:                                     `human-monitor-command {"command-line":"info network"}`,

		`{"execute":"guest-exec","arguments":{"path":"/bin/mysql","arg":["-pgeheim"]}}`:                                `guest-exec {"path":"/bin/mysql","arg":["-p<secret>"]}`,
		`{"execute":"guest-exec","arguments":{"arg":[ "-u","joe", "-pgeheim" , "db"],"path":"/bin/mysql"}}`:            `guest-exec {"arg":[ "-u","joe", "-p<secret>" , "db"],"path":"/bin/mysql"}`,
		`{"execute":"guest-exec","arguments":{"path":"sshpass","arg":["-p","geheim","ssh"]}}`:                          `guest-exec {"path":"sshpass","arg":["-p","<secret>","ssh"]}`,
		`{"execute":"guest-exec","arguments":{"path":"mysql","arg":["-pge\"heim"]}}`:                                   `guest-exec {"path":"mysql","arg":["<secret>"]}`,
		`{"execute":"guest-exec","arguments":{"path":"psql","arg":["--password=geheim"],"env":["PGPASSWORD=geheim"]}}`: `guest-exec {"path":"psql","arg":["--password=<secret>"],"env":["PGPASSWORD=<secret>"]}`,
		`{"execute":"guest-exec","arguments":{"path":"ls","arg":["-p", 5]}}`:                                           `guest-exec {"path":"ls","arg":["-p", 5]}`,

		`{"method":"importprivkey","params":["geheim"],"id":1}`:                               "importprivkey <secret>",
		`{"method":"encryptwallet","params":["geheim"],"id":1}`:                               "encryptwallet <secret>",
		`{"method":"createwallet","params":["w",false,false,"geheim"],"id":1}`:                "createwallet <secret>",
		`{"method":"walletpassphrase","params":["geheim",60],"id":1}`:                         "walletpassphrase <secret>",
		`{"method":"sethdseed","params":[true,"geheim"],"id":1}`:                              "sethdseed <secret>",
		`{"method":"signrawtransactionwithkey","params":["00",["geheim"]],"id":1}`:            "signrawtransactionwithkey <secret>",
		`{"method":"signmessagewithprivkey","params":["geheim","a"],"id":1}`:                  "signmessagewithprivkey <secret>",
		`{"method":"importdescriptors","params":[[{"desc":"wpkh(geheim)"}]],"id":1}`:          "importdescriptors <secret>",
		`{"method":"personal_newAccount","params":["geheim"],"id":1}`:                         "personal_newAccount <secret>",
		`{"method":"personal_importRawKey","params":["geheim","geheim"],"id":1}`:              "personal_importRawKey <secret>",
		`{"method":"personal_sendTransaction","params":[{},"geheim"],"id":1}`:                 "personal_sendTransaction <secret>",
		`{"method":"personal_unlockAccount","params":["0x","geheim"],"id":1}`:                 "personal_unlockAccount <secret>",
		`{"method":"mining.authorize","params":["joe","geheim"],"id":1}`:                      "mining.authorize <secret>",
		`{"method":"io.systemd.Credentials.Encrypt","parameters":{"data":"geheim"}}`:          "io.systemd.Credentials.Encrypt <secret>",
		`{"method":"io.systemd.Credentials.Decrypt","parameters":{"blob":"geheim"}}`:          "io.systemd.Credentials.Decrypt <secret>",
		`{"method":"sendrawtransaction","params":["00"],"id":1}`:                              `sendrawtransaction ["00"]`,
		`{"method":"mining.subscribe","params":["miner"],"id":1}`:                             `mining.subscribe ["miner"]`,
		`{"jsonrpc":"2.0","id":1,"method":"put","params":{"a":"b","token":"geheim","c":"d"}}`: `put {"a":"b","token":"<secret>","c":"d"}`,
	} {
		for _, x := range decodertest.Whole(Protocol, decodertest.Conversation{{From: decoders.Client, Data: []byte(call + "\n")}}) {
			if string(x.Request) != want {
				t.Errorf("%s\n got %s\nwant %s", call, x.Request, want)
			}
		}
	}
}

// An error that repeats what was hidden is not shown, others are.
func TestSecretInAnError(t *testing.T) {
	for _, test := range []struct{ call, reply, want string }{
		{`{"jsonrpc":"2.0","id":1,"method":"put","params":{"a":"b","token":"ge\"heim"}}`, `{"jsonrpc":"2.0","id":1,"error":{"code":5,"message":"no ge\"heim here"}}`, "<secret>"},
		{`{"jsonrpc":"2.0","id":1,"method":"put","params":{"a":"b","token":"ge\"heim"}}`, `{"jsonrpc":"2.0","id":1,"error":{"code":5,"message":"no b here"}}`, "no b here"},
		{`{"jsonrpc":"2.0","id":1,"method":"put","params":{"token":"x1","c":"d","pin":1234}}`, `{"jsonrpc":"2.0","id":1,"error":{"code":5,"message":"wrong: 1234"}}`, "<secret>"},
		{`{"execute":"guest-exec","arguments":{"path":"mysql","arg":["-pgeheim"]},"id":1}`, `{"error":{"class":"GenericError","desc":"bad geheim"},"id":1}`, "<secret>"},
		{`{"execute":"human-monitor-command","arguments":{"command-line":"change vnc password geheim"},"id":1}`, `{"error":{"class":"GenericError","desc":"bad geheim"},"id":1}`, "<secret>"},
	} {
		for _, x := range decodertest.Whole(Protocol, decodertest.Conversation{{From: decoders.Client, Data: []byte(test.call + "\n")}, {From: decoders.Server, Data: []byte(test.reply + "\n")}}) {
			if string(x.Error) != test.want || strings.Contains(string(x.Request), "heim") {
				t.Errorf("%s\n got %s\nwant %s", test.call, x.Error, test.want)
			}
		}
	}
}
