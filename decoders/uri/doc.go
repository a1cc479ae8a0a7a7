// Package uri knows what HTTP and FastCGI carry: request targets, the class of
// one, and how they, forms and other texts are shown without their secrets.
package uri
