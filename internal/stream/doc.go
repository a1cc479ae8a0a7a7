// Package stream turns recorded messages into conversations: it finds out which
// two sockets talk, puts their bytes in order, notices what is missing, tells
// which protocol is spoken, and feeds its decoder.
//
// All that is known of one conversation lives in its Flow, and no two flows
// share any state. Follow has several engines work on them in parallel.
package stream
