package pcapng

import "fmt"

// DecryptionSecrets is the Decryption Secrets Block, draft section 4.7: keys
// with which packets of the file can be decrypted.
type DecryptionSecrets struct {
	SecretsType uint32 // one of the Secrets constants
	Data        []byte
	Options
}

// Types of secrets.
const (
	SecretsSSHKeyLog       uint32 = 0x5353484b
	SecretsTLSKeyLog       uint32 = 0x544c534b
	SecretsOPCUAKeyLog     uint32 = 0x55414b4c
	SecretsWireGuardKeyLog uint32 = 0x57474b4c
	SecretsZigBeeNWKKey    uint32 = 0x5a4e574b
	SecretsZigBeeAPSKey    uint32 = 0x5a415053
)

// BlockType returns [TypeDecryptionSecrets].
func (*DecryptionSecrets) BlockType() uint32 { return TypeDecryptionSecrets }

func (s *DecryptionSecrets) decode(b []byte, o order) error {
	if len(b) < 8 {
		return fmt.Errorf("body of %d bytes, needs 8", len(b))
	}
	n := o.u32(b[4:])
	if uint64(n) > uint64(len(b)-8) {
		return fmt.Errorf("secrets length %d is beyond the end of the block (%d bytes left)", n, len(b)-8)
	}
	end := 8 + int(n)
	*s = DecryptionSecrets{SecretsType: o.u32(b), Data: b[8:end:end], Options: s.Options}
	return s.Options.decode(b[min(pad4(end), len(b)):], o, s)
}

// setOption: the draft defines none.
func (*DecryptionSecrets) setOption(uint16, []byte, order) bool { return false }

func (s *DecryptionSecrets) encode(e *encoder) {
	n, ok := e.packetLength(0, len(s.Data))
	if !ok {
		return
	}
	e.u32(s.SecretsType)
	e.u32(n)
	e.bytes(s.Data)
	e.pad()
	s.encodeComments(e)
	s.encodeTail(e)
}
