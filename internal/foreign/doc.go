// Package foreign reads captures of network traffic, as tcpdump and Wireshark
// make them: it turns packets into the messages that package stream follows.
//
// A Dissector finds the TCP or UDP in a packet and which connection it belongs
// to. It does not put bytes in order: a message says where in its end's stream
// it belongs, and package stream does for it what it does for a message of a
// UNIX socket. So nothing is kept of a payload here, but for IP fragments.
//
// That is why TCP is not put together by gopacket's reassembly. It would hold
// bytes a second time, it takes a packet that was cut at the snap length for a
// shorter one, and a connection that was closed is a new one to it when a
// segment is repeated. Its DecodeFromBytes methods, which allocate nothing, and
// its reader of pcap files do the work here.
package foreign
