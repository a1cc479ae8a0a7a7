package recorder

// Connections counts the sockets, or pairs of them, that something was recorded
// of and that are open. It is for the Output's methods to call.
func (r *Recorder) Connections() int {
	n := 0
	for _, s := range r.table.bySK {
		// Of a pair, the one that counts is the one with the lower address.
		spoke := s.used > 0
		if p := s.peer; p != nil && !p.closed && r.table.bySK[p.SK] == p {
			if p.used > 0 && (!spoke || p.SK < s.SK) {
				continue
			}
		}
		if spoke {
			n++
		}
	}
	return n
}
