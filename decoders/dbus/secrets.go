package dbus

import "bytes"

// secretMembers are what names of members have in them whose texts are secret,
// be it in the call or in the reply: UDisks' Unlock and ChangePassphrase,
// AccountsService's SetPassword, BlueZ's RequestPinCode, ModemManager's SendPin, KWallet's
// readPassword, systemd-homed's ActivateHome with its JSON of secrets,
// polkit's AuthenticationAgentResponse2 with its cookie.
var secretMembers = [][]byte{
	[]byte("assword"), []byte("assphrase"), []byte("asswd"), []byte("ecret"), []byte("Pin"), []byte("Puk"), []byte("asskey"), []byte("Unlock"),
	[]byte("AuthenticationAgent"), []byte("BeginAuthentication"), []byte("Credential"), []byte("ActivateHome"),
	[]byte("AcquireHome"), []byte("AuthenticateHome"), []byte("FixateHome"),
}

// kWallet begins the interface whose entries are all secret.
var kWallet = []byte("org.kde.KWallet")

// secretPairs are the letters that secretMembers begin with, each with those
// that may be second.
var secretPairs = func() (t [256][2]byte) {
	for _, w := range secretMembers {
		second := &t[w[0]]
		if second[0] != 0 && second[0] != w[1] {
			second[1] = w[1]
		} else {
			second[0] = w[1]
		}
	}
	return t
}()

// hides says whether the texts of a call, its reply or a signal are not shown.
func (m *message) hides() bool {
	switch {
	case bytes.HasPrefix(m.iface, kWallet), string(m.iface) == "net.connman.iwd.AccessPoint" && string(m.member) == "Start":
		return true
	}
	for i := 1; i < len(m.member); i++ {
		pair := &secretPairs[m.member[i-1]]
		if c := m.member[i]; pair[0] != c && pair[1] != c {
			continue
		}
		for _, w := range secretMembers {
			if rest, ok := bytes.CutPrefix(m.member[i-1:], w); ok && !(w[0] == 'P' && len(rest) > 0 && rest[0] >= 'a') { // Ping
				return true
			}
		}
	}
	return false
}
