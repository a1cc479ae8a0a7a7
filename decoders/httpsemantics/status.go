package httpsemantics

import "strconv"

// codeTexts are the status codes as text, so that they cost nothing.
var codeTexts = func() (list [600]string) {
	for i := range list {
		list[i] = strconv.Itoa(i)
	}
	return list
}()

// CodeText returns a status code as it is written.
func CodeText(code int) string {
	if code < len(codeTexts) {
		return codeTexts[code]
	}
	return strconv.Itoa(code)
}
