// Package report renders what the other packages found out: messages,
// exchanges and conversations one a line, and the summary of a whole capture.
//
// Everything that is printed is a list of columns, each described once by its
// name and the function that gets its value; the formats differ only in how
// they put a row of cells down.
package report
