package conformance

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// undisturbed keeps the caller on its thread, and that from the signal by which Go's
// runtime interrupts what runs for long (SIGURG), until end: it can come late, and
// would end a call that waits for room with what is sent by then.
func undisturbed() (end func()) {
	runtime.LockOSThread()
	var urgent, before unix.Sigset_t
	urgent.Val[0] = 1 << (unix.SIGURG - 1)
	mask := func(how int, set, old *unix.Sigset_t) {
		if err := unix.PthreadSigmask(how, set, old); err != nil {
			panic(err) // not with these arguments
		}
	}
	mask(unix.SIG_BLOCK, &urgent, &before)
	return func() {
		mask(unix.SIG_SETMASK, &before, nil)
		runtime.UnlockOSThread()
	}
}
