package fileset

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// A Rotation says when the next file of a set is begun, and what it is called.
// The zero value is one file for all.
type Rotation struct {
	Size    int64         // bytes in the file; 0 is no limit
	Every   time.Duration // 0 is no limit
	Packets uint64        // messages, which is what record calls packets; 0 is no limit
	// Files is how many files there are. When they are used up, a set that is
	// rotated by time alone in tcpdump's way is complete; in all others the next
	// file takes the place of the oldest. 0 is no limit.
	Files int
	// Numbered has dumpcap's names and rules instead of tcpdump's.
	Numbered bool
	// EndSize and EndFiles end the recording when a file has so many bytes, or
	// when so many files are full. 0 is no limit.
	EndSize  int64
	EndFiles int
}

// maxFiles is RINGBUFFER_MAX_NUM_FILES of dumpcap: its numbers have five digits.
const maxFiles = 100000

// ParseSize reads the value of tcpdump's -C: millions of bytes, or with a
// suffix KiB, MiB or GiB.
func ParseSize(s string) (int64, error) {
	digits, unit := s, int64(1000_000)
	if n := len(s) - 1; n > 0 {
		if shift := strings.IndexByte("kmg", s[n]|' '); shift >= 0 {
			digits, unit = s[:n], 1<<(10*(shift+1))
		}
	}
	n, err := strconv.ParseUint(digits, 10, 63)
	if err != nil || n == 0 || int64(n) > math.MaxInt64/unit {
		return 0, fmt.Errorf("size %q: not a number of millions of bytes, nor one with k, m or g for KiB, MiB or GiB", s)
	}
	return int64(n) * unit, nil
}

// ParseCriterion takes in one -b of dumpcap.
func (r *Rotation) ParseCriterion(s string) error {
	r.Numbered = true
	key, value, _ := strings.Cut(s, ":")
	switch key {
	case "duration":
		seconds, err := strconv.ParseFloat(value, 64)
		if err != nil || !(seconds >= 0.001) || seconds > 1e9 {
			return fmt.Errorf("-b %s: not a number of seconds", s)
		}
		r.Every = time.Duration(seconds * float64(time.Second))
		return nil
	case "filesize", "files", "packets":
	default:
		return fmt.Errorf("-b %s: there are filesize:KB, duration:SECONDS, packets:N and files:N", s)
	}
	n, err := strconv.ParseUint(value, 10, 50)
	if err != nil || n == 0 {
		return fmt.Errorf("-b %s: not a number above 0", s)
	}
	switch key {
	case "filesize":
		r.Size = int64(n) * 1000
	case "packets":
		r.Packets = n
	default:
		if n >= maxFiles {
			return fmt.Errorf("-b %s: must be less than %d", s, maxFiles)
		}
		r.Files = int(n)
	}
	return nil
}

// Check says what is wrong with the combination.
func (r *Rotation) Check() error {
	switch {
	case r.Files == 0 || r.rotates():
		return nil
	case r.Numbered:
		return errors.New("-b files: says how many, but not when to go to the next one (filesize:, duration: or packets: does)")
	}
	return errors.New("-W says how many files, but not when to go to the next one (-C or -G does)")
}

func (r *Rotation) rotates() bool { return r.Size > 0 || r.Every > 0 || r.Packets > 0 }

// ends reports whether the set is complete when its files are used up.
func (r *Rotation) ends() bool { return r.Files > 0 && r.Size == 0 && !r.Numbered }

// ended reports whether a file of that size is the last.
func (r *Rotation) ended(size int64) bool { return r.EndSize > 0 && size >= r.EndSize }

// full reports whether a file of that size and that many messages takes no more
// of them. Of a limit of so many bytes tcpdump's files may have that many,
// dumpcap's are full then.
func (r *Rotation) full(size int64, packets uint64) bool {
	if r.Packets > 0 && packets >= r.Packets {
		return true
	}
	return r.Size > 0 && (size > r.Size || size == r.Size && r.Numbered)
}
