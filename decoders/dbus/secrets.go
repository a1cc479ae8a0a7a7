package dbus

import "bytes"

// secretMembers are what names of members have in them whose texts are secret,
// be it in the call or in the reply: UDisks' Unlock and ChangePassphrase,
// AccountsService's SetPassword, BlueZ's RequestPinCode, ModemManager's SendPin, KWallet's
// readPassword, systemd-homed's ActivateHome with its JSON of secrets,
// polkit's AuthenticationAgentResponse2 with its cookie, GNOME's GetAccessToken.
var secretMembers = [][]byte{
	[]byte("assword"), []byte("assphrase"), []byte("asswd"), []byte("ecret"), []byte("Pin"), []byte("Puk"), []byte("asskey"), []byte("Unlock"),
	[]byte("AuthenticationAgent"), []byte("BeginAuthentication"), []byte("Credential"), []byte("ActivateHome"),
	[]byte("AcquireHome"), []byte("FixateHome"), []byte("uthenticate"), []byte("ogin"),
	[]byte("Token"), []byte("token"), []byte("Pwd"), []byte("pwd"), []byte("piKey"), []byte("PIKey"),
}

// kWallet begins the interface whose entries are all secret.
var kWallet = []byte("org.kde.KWallet")

// secretPairs has for each letter that secretMembers begin with those that may be
// second, as bits.
var secretPairs = func() (t [256]uint32) {
	for _, w := range secretMembers {
		t[w[0]] |= 1 << (w[1] & 31)
	}
	return t
}()

// hides says whether the texts of a call, its reply or a signal are not shown.
func (m *message) hides() bool {
	switch string(m.iface) {
	case "net.connman.iwd.AccessPoint":
		if string(m.member) == "Start" {
			return true
		}
	case "org.libvirt.Secret":
		if string(m.member) == "SetValue" || string(m.member) == "GetValue" {
			return true
		}
	case "org.freedesktop.realmd.KerberosMembership": // Join and Leave have credentials
		return true
	case "org.freedesktop.login1.Manager":
		if string(m.member) == "UnlockSession" { // its argument is a session's id
			return false
		}
	}
	if bytes.HasPrefix(m.iface, kWallet) {
		return true
	}
	for i := 1; i < len(m.member); i++ {
		if secretPairs[m.member[i-1]]>>(m.member[i]&31)&1 == 0 {
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
