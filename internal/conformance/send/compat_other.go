//go:build !386

package send

// Only 32-bit x86 has socketcall.
var socketcallWays []Way
