// Package recorder turns what the kernel reports into messages: it joins the
// parts of long ones, puts them in the order of time, finds out who is talking,
// notices what is missing, and hands the result to an Output.
package recorder
