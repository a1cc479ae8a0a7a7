package fileset

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// appendTime formats as strftime(3) does in the C locale: the conversions of
// the C standard, and %s, the seconds since 1970, which names of captures often
// have. Libraries for this leave out some of them, and let a conversion they
// don't know through into the name, where it is noticed after the first night.
func appendTime(format string, t time.Time) (string, error) {
	var b strings.Builder
	for {
		text, rest, more := strings.Cut(format, "%")
		b.WriteString(text)
		if !more {
			return b.String(), nil
		}
		// E and O ask for other eras and digits, of which the C locale has none.
		verb := strings.TrimPrefix(rest, "E")
		if verb == rest {
			verb = strings.TrimPrefix(rest, "O")
		}
		if verb == "" {
			return "", fmt.Errorf("%q ends within a conversion (%%%% is a percent sign)", "%"+rest)
		}
		s, ok := convert(verb[0], t)
		if !ok {
			return "", fmt.Errorf("%%%c is no conversion that strftime has (%%%% is a percent sign)", verb[0])
		}
		b.WriteString(s)
		format = verb[1:]
	}
}

// layouts are the conversions that package time has a name for.
var layouts = map[byte]string{
	'a': "Mon", 'A': "Monday", 'b': "Jan", 'B': "January", 'h': "Jan",
	'c': "Mon Jan _2 15:04:05 2006", 'd': "02", 'D': "01/02/06", 'e': "_2",
	'F': "2006-01-02", 'H': "15", 'I': "03", 'j': "002", 'm': "01", 'M': "04",
	'p': "PM", 'r': "03:04:05 PM", 'R': "15:04", 'S': "05", 'T': "15:04:05",
	'x': "01/02/06", 'X': "15:04:05", 'y': "06", 'Y': "2006", 'z': "-0700", 'Z': "MST",
}

var characters = map[byte]string{'n': "\n", 't': "\t", '%': "%"}

func convert(verb byte, t time.Time) (string, bool) {
	if layout, ok := layouts[verb]; ok {
		return t.Format(layout), true
	}
	if s, ok := characters[verb]; ok {
		return s, true
	}
	year, week := t.ISOWeek()
	day := (int(t.Weekday()) + 6) % 7 // from Monday
	switch verb {
	case 'C':
		return two(t.Year() / 100), true
	case 'g':
		return two(year % 100), true
	case 'G':
		return strconv.Itoa(year), true
	case 's':
		return strconv.FormatInt(t.Unix(), 10), true
	case 'u':
		return strconv.Itoa(day + 1), true
	case 'U':
		return two((t.YearDay() + 6 - int(t.Weekday())) / 7), true
	case 'V':
		return two(week), true
	case 'w':
		return strconv.Itoa(int(t.Weekday())), true
	case 'W':
		return two((t.YearDay() + 6 - day) / 7), true
	}
	return "", false
}

func two(n int) string { return fmt.Sprintf("%02d", n) }
