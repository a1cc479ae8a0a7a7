package conformance

import (
	"errors"
	"fmt"
	"os"
	"slices"

	"unixcap/internal/conformance/send"

	"golang.org/x/sys/unix"
)

// maxDescriptors is SCM_MAX_FD, include/net/scm.h.
const maxDescriptors = 253

// A parcel is what goes with a message.
type parcel struct {
	fds   int
	creds bool
}

// control makes the control messages of a parcel: the descriptors in so many,
// and the credentials in one.
func (p parcel) control(messages int) []byte {
	var b []byte
	for i := range messages {
		if n := p.fds*(i+1)/messages - p.fds*i/messages; n > 0 {
			b = append(b, unix.UnixRights(make([]int, n)...)...) // standard input
		}
	}
	if p.creds {
		b = append(b, unix.UnixCredentials(&unix.Ucred{Pid: int32(os.Getpid()), Uid: uint32(os.Getuid()), Gid: uint32(os.Getgid())})...)
	}
	return b
}

// sendParcels sends each parcel along with a text, and one text without after each.
func sendParcels(path string, sockType int, parcels []parcel, call func(fd int, text []byte, p parcel) ([]int, error)) (*check, error) {
	c := &check{path: path}
	pair, err := newPair(sockType)
	if err != nil {
		return c, err
	}
	var want []parcel
	for i, p := range parcels {
		text := []byte(fmt.Sprintf("%d: take %d", i, p.fds))
		err = errors.Join(err, c.sendOne(pair, text, func() ([]int, error) { return call(pair.fd, text, p) }))
		for range len(c.messages) - len(want) {
			want = append(want, p)
		}
		err = errors.Join(err, c.sendOne(pair, text, func() ([]int, error) { return send.One(unix.Write(pair.fd, text)) }))
		want = append(want, parcel{})
	}
	c.more = func(got *collector) error {
		for i, w := range want {
			m := &got.bySocket[pair.inode][i]
			if unknown := uint64(len(m.Payload)) < m.Length; unknown && m.FDs == 0 && !m.Creds {
				continue // the message says that it is not whole
			}
			if m.FDs == w.fds && w.creds && !m.Creds {
				c.untold = true
				continue
			}
			if m.FDs != w.fds || m.Creds != w.creds {
				return fmt.Errorf("message %d with %d descriptors, credentials %v, want %d, %v", i, m.FDs, m.Creds, w.fds, w.creds)
			}
		}
		return nil
	}
	return c, errors.Join(err, pair.close())
}

// descriptors passes file descriptors and credentials along.
func descriptors(_ string, sockType int) (*check, error) {
	parcels := []parcel{{1, false}, {3, true}, {0, true}, {maxDescriptors, false}, {maxDescriptors, true}}
	return sendParcels("SCM_RIGHTS, SCM_CREDENTIALS", sockType, parcels, func(fd int, text []byte, p parcel) ([]int, error) {
		if p.fds == 3 { // as several messages, each with its own
			return send.Sendmmsg(fd, [][]byte{text[:1], text[1:2], text[2:]}, p.control(1), 0)
		}
		return send.One(send.Sendmsg(fd, [][]byte{text}, p.control(1), 0))
	})
}

// manyDescriptors passes them in several control messages: the kernel takes
// them all (scm_fp_copy, net/core/scm.c).
func manyDescriptors(_ string, sockType int) (*check, error) {
	parcels := []parcel{{2, true}, {9, true}, {100, false}}
	return sendParcels("SCM_RIGHTS, in parts", sockType, parcels, func(fd int, text []byte, p parcel) ([]int, error) {
		return send.One(send.Sendmsg(fd, [][]byte{text}, p.control(min(p.fds, 60)), 0))
	})
}

// descriptorsOfRing passes them by io_uring.
func descriptorsOfRing(_ string, sockType int) (*check, error) {
	parcels := []parcel{{1, false}, {3, true}}
	return sendParcels("SCM_RIGHTS, io_uring", sockType, parcels, func(fd int, text []byte, p parcel) ([]int, error) {
		return send.One(send.UringSendmsg(fd, slices.Clone(text), p.control(1)))
	})
}
