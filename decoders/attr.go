package decoders

// An Attr is a fact about an exchange in its protocol's own terms.
type Attr struct {
	Key   string
	Value Value
}

// Add adds an attribute. Its bytes must last as long as the exchange.
func (x *Exchange) Add(key string, v Value) {
	a := x.grow(key)
	a.Kind, a.number, a.Bytes = v.Kind, v.number, v.Bytes
}

// AddText adds an attribute if there is something to say.
func (x *Exchange) AddText(key string, value []byte) {
	if len(value) > 0 {
		v := x.grow(key)
		v.Kind, v.number, v.Bytes = Text, 0, value
	}
}

// AddInt adds an attribute that is a number.
func (x *Exchange) AddInt(key string, n int64) {
	v := x.grow(key)
	v.Kind, v.number, v.Bytes = Int, uint64(n), nil
}

// AddUint adds an attribute that is a number.
func (x *Exchange) AddUint(key string, n uint64) {
	v := x.grow(key)
	v.Kind, v.number, v.Bytes = Uint, n, nil
}

// AddCount adds an attribute that is a number unless that is 0.
func (x *Exchange) AddCount(key string, n uint64) {
	if n != 0 {
		x.AddUint(key, n)
	}
}

// grow adds an attribute and returns its value, for the caller to set each field:
// most of the time of a short message would go into making a new one and copying it.
func (x *Exchange) grow(key string) *Value {
	list := x.Attrs
	if len(list) == cap(list) {
		list = append(list, Attr{})
	} else {
		list = list[:len(list)+1]
	}
	x.Attrs = list
	a := &list[len(list)-1]
	a.Key = key
	return &a.Value
}
