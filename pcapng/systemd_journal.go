package pcapng

// SystemdJournal is the systemd Journal Export Block: an entry of the systemd
// journal in its export format. It has no options.
type SystemdJournal struct {
	Entry []byte
}

// BlockType returns [TypeSystemdJournal].
func (*SystemdJournal) BlockType() uint32 { return TypeSystemdJournal }

// decode takes the padding off. An entry ends with a line feed, so NULs at its
// end are not part of it.
func (j *SystemdJournal) decode(b []byte) {
	n := len(b)
	for n > 0 && len(b)-n < 3 && b[n-1] == 0 {
		n--
	}
	j.Entry = b[:n:n]
}

func (j *SystemdJournal) encode(e *encoder) { e.bytes(j.Entry) }
