// Package fileset writes a recording into files: one, or a set of which each
// takes its turn when the one before is large, old or full enough. Names and
// rules are those of tcpdump's -C, -G and -W and of dumpcap's -b.
//
// Every file is a whole capture, whatever happens: a message is in one file or
// in none, and when a file can't be written any further it is cut back to the
// last message that is all there. What could not be written is counted, socket
// by socket.
package fileset
