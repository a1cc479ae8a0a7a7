package conformance

// Arch32 is the GOARCH of this kernel's 32-bit system calls.
const Arch32 = "arm"
