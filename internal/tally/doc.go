// Package tally counts what a recording takes in and what it misses: by kind of
// socket, by reason, and by socket.
package tally
