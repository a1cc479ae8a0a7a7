package http2

import (
	"bytes"

	"unixcap/decoders"
)

// secretMethods are methods of usual services whose messages have secrets, which
// neither the method's name tells nor that of a key: fields have none.
var secretMethods = func() map[string]bool {
	m := make(map[string]bool)
	for service, methods := range map[string][]string{
		// AuthConfig: Kubernetes' cri-api.
		"runtime.v1.ImageService":       {"PullImage"},
		"runtime.v1alpha2.ImageService": {"PullImage"},
		// Fields with the option csi_secret: the Container Storage Interface's csi.proto.
		"csi.v1.Controller": {"CreateVolume", "DeleteVolume", "ControllerPublishVolume", "ControllerUnpublishVolume", "ValidateVolumeCapabilities",
			"CreateSnapshot", "DeleteSnapshot", "ListSnapshots", "GetSnapshot", "ControllerExpandVolume", "ControllerModifyVolume"},
		"csi.v1.GroupController":       {"CreateVolumeGroupSnapshot", "DeleteVolumeGroupSnapshot", "GetVolumeGroupSnapshot"},
		"csi.v1.Node":                  {"NodeStageVolume", "NodePublishVolume", "NodeExpandVolume"},
		"v1alpha1.CSIDriverProvider":   {"Mount"},
		"v1beta1.KeyManagementService": {"Encrypt", "Decrypt"}, // keys in plain: Kubernetes' kms
		"v2.KeyManagementService":      {"Encrypt", "Decrypt"},
		"lnrpc.WalletUnlocker":         {"GenSeed", "InitWallet", "UnlockWallet"},
		"lnrpc.Lightning":              {"BakeMacaroon"},
		// Vault's plugins: users with their passwords, and whole requests of its API.
		"dbplugin.v5.Database": {"Initialize", "NewUser", "UpdateUser"},
		"pb.Backend":           {"HandleRequest"},
		"SpiffeWorkloadAPI":    {"FetchX509SVID"}, // private keys
	} {
		for _, name := range methods {
			m["/"+service+"/"+name] = true
		}
	}
	return m
}()

// loginWords are in the names of methods that take a name and a password.
var loginWords = []string{"login", "logon", "signin", "signup"}

// isSecretMethod says whether the messages of a target, which may be a method of
// gRPC, are not to be shown.
func isSecretMethod(target []byte) bool {
	service, method, ok := cutMethod(target)
	if !ok {
		return false
	}
	if secretMethods[string(target)] || decoders.IsSecretName(service) || decoders.IsSecretName(method) {
		return true
	}
	for i := range method {
		for _, w := range loginWords {
			if rest := method[i:]; len(rest) >= len(w) && bytes.EqualFold(rest[:len(w)], []byte(w)) {
				return true
			}
		}
	}
	return false
}
