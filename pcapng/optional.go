package pcapng

// An Optional is the value of an option that may be absent. Its zero value is
// absent, which for a counter is not the same as 0.
type Optional[T any] struct {
	Value T
	Valid bool // the option is there
}

// Some returns an option that is there and has the value v.
func Some[T any](v T) Optional[T] { return Optional[T]{v, true} }

// set takes the value of an option's first occurrence. The later ones are left
// to Options.Unknown.
func (x *Optional[T]) set(v T) bool {
	if x.Valid {
		return false
	}
	*x = Some(v)
	return true
}
