package report

import (
	"cmp"
	"encoding/json"
	"slices"
	"unicode/utf8"
)

// maxNames is how many names are counted one by one.
const maxNames = 32

// A name is how often something of that name was seen.
type name struct {
	Name  string `json:"name"`
	Count int64  `json:"count"`
}

// names counts names. The one seen last is in front, so that counting it again
// costs little.
type names []name

func (list *names) add(s string, n int64) {
	if l := *list; len(l) > 0 && l[0].Name == s {
		l[0].Count += n
		return
	}
	list.addOther(s, n)
}

// addOther adds a name that is not in front.
func (list *names) addOther(s string, n int64) {
	l := *list
	for i := range l {
		if l[i].Name == s {
			l[i].Count += n
			l[0], l[i] = l[i], l[0]
			return
		}
	}
	if len(l) >= maxNames && s != other {
		list.add(other, n)
		return
	}
	*list = append(l, name{s, n})
	last := len(*list) - 1
	(*list)[0], (*list)[last] = (*list)[last], (*list)[0]
}

// merge adds the names of o. If these become too many, the rarest are counted
// together.
func (list *names) merge(o names) {
	for _, n := range o {
		i := slices.IndexFunc(*list, func(m name) bool { return m.Name == n.Name })
		if i < 0 {
			*list = append(*list, n)
			continue
		}
		(*list)[i].Count += n.Count
	}
	all := list.sorted()
	rest := name{Name: other}
	if i := slices.IndexFunc(all, func(n name) bool { return n.Name == other }); i >= 0 {
		rest.Count = all[i].Count
		all = slices.Delete(all, i, i+1)
	}
	for len(all) > maxNames {
		rest.Count += all[len(all)-1].Count
		all = all[:len(all)-1]
	}
	if rest.Count > 0 {
		all = append(all, rest)
	}
	*list = all
}

// sorted returns the names, the most frequent ones first, the others last.
func (list names) sorted() names {
	l := slices.Clone(list)
	slices.SortFunc(l, func(a, b name) int {
		return cmp.Or(lastIf(a.Name == other, b.Name == other), cmp.Compare(b.Count, a.Count), cmp.Compare(a.Name, b.Name))
	})
	return l
}

// lastIf puts what is so behind what is not.
func lastIf(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

func (list names) MarshalJSON() ([]byte, error) { return json.Marshal([]name(list.sorted())) }

// textWidth is how wide the text of names is at most, if there are several: what
// 80 columns have room for behind their label.
const textWidth = 66

// appendText appends "root 12, app 3", and how many are left out for want of room.
func (list names) appendText(dst []byte) []byte {
	start := len(dst)
	for i, n := range list.sorted() {
		end := len(dst)
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = append(appendSafe(dst, []byte(n.Name)), ' ')
		dst = appendCount(dst, n.Count)
		if i > 0 && utf8.RuneCount(dst[start:]) > textWidth-len(", and 33 more") {
			return append(dst[:end], ", and "+number(int64(len(list)-i))+" more"...)
		}
	}
	return dst
}
