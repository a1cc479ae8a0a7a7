package main

import (
	"errors"
	"fmt"
	"time"

	"unixcap/internal/fileset"

	"github.com/spf13/pflag"
)

// fileFlags are the flags of what is written where.
type fileFlags struct {
	size        string
	seconds     uint32
	files       uint32
	criteria    []string
	compression string
	onError     string
}

func (o *options) addFileFlags(f *pflag.FlagSet) *fileFlags {
	x := new(fileFlags)
	f.StringVarP(&o.files.Name, "write", "w", "", "write packets to `FILE`, - is standard output")
	f.BoolVarP(&o.files.Unbuffered, "packet-buffered", "U", false, "write each packet at once")
	f.StringVarP(&x.size, "rotate-size", "C", "", "next file when one has more than `SIZE` million bytes; with k, m or g KiB, MiB or GiB")
	f.Uint32VarP(&x.seconds, "rotate-seconds", "G", 0, "next file every `SECONDS`; FILE has its time as strftime(3) says")
	f.Uint32VarP(&x.files, "file-count", "W", 0, "with -C, overwrite the first of `COUNT` files after the last; with -G alone, end after so many")
	f.StringArrayVarP(&x.criteria, "ring-buffer", "b", nil, "next file by dumpcap's `RULE`: filesize:KB, duration:SECONDS, packets:N; with files:N, the first is deleted after the last")
	f.StringVarP(&x.compression, "compress", "z", "", "compress as it is written, by `METHOD` zstd or gzip")
	f.StringVar(&x.onError, "on-error", "stop", "`WHAT` to do if a file can't be written: stop, or continue, count what is lost and try again")
	return x
}

// parse checks the flags and takes them in.
func (x *fileFlags) parse(f *pflag.FlagSet, o *options) error {
	if o.files.Name == "" {
		for _, flag := range []struct{ short, long string }{
			{"-C", "rotate-size"}, {"-G", "rotate-seconds"}, {"-W", "file-count"},
			{"-b", "ring-buffer"}, {"-z", "compress"}, {"--on-error", "on-error"},
		} {
			if f.Changed(flag.long) {
				return fmt.Errorf("%s is for files: give -w too", flag.short)
			}
		}
		if f.Changed("write") {
			return errors.New("-w: the name of the file is empty")
		}
		return nil
	}
	if err := x.parseRotation(f, &o.files.Rotation); err != nil {
		return err
	}
	if f.Changed("compress") {
		var err error
		if o.files.Compression, err = fileset.ParseCompression(x.compression); err != nil {
			return err
		}
	}
	switch x.onError {
	case "stop":
	case "continue":
		o.files.GoOn = true
	default:
		return fmt.Errorf("--on-error %q: there are stop and continue", x.onError)
	}
	return fileset.Check(&o.files)
}

func (x *fileFlags) parseRotation(f *pflag.FlagSet, r *fileset.Rotation) error {
	old := f.Changed("rotate-size") || f.Changed("rotate-seconds") || f.Changed("file-count")
	if old && len(x.criteria) > 0 {
		return errors.New("-b is dumpcap's way to rotate, -C, -G and -W are tcpdump's: give one or the other")
	}
	for _, c := range x.criteria {
		if err := r.ParseCriterion(c); err != nil {
			return err
		}
	}
	if f.Changed("rotate-size") {
		var err error
		if r.Size, err = fileset.ParseSize(x.size); err != nil {
			return fmt.Errorf("-C: %w", err)
		}
	}
	switch {
	case f.Changed("rotate-seconds") && x.seconds == 0:
		return errors.New("-G 0: a file of no seconds")
	case f.Changed("file-count") && x.files == 0:
		return errors.New("-W 0: a set of no files")
	}
	if x.seconds > 0 {
		r.Every = time.Duration(x.seconds) * time.Second
	}
	if x.files > 0 {
		r.Files = int(x.files)
	}
	return nil
}
