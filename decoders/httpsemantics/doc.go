// Package httpsemantics knows what all versions of HTTP have in common, as RFC
// 9110 writes it: methods, status codes, the fields that are shown, and contents
// with their codings, of which it shows the beginning. How a version sends them
// is its decoder's affair.
package httpsemantics
