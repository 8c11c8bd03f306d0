package stdlib

import (
	"encoding/binary"
	"math"
	"strings"

	"forge.ourworld.tf/lhumina_code/hero/rhai/native"
	"forge.ourworld.tf/lhumina_code/hero/rhai/value"
)

func (l *library) blobs() {
	l.fn("blob() blob(int) blob(int,int)", newBlob)
	l.prop("len(blob)", func(_ native.Caller, self *value.Value, _ []value.Value) (value.Value, error) {
		return value.OfInt(int64(len(self.Data()))), nil
	})
	l.prop("is_empty(blob)", func(_ native.Caller, self *value.Value, _ []value.Value) (value.Value, error) {
		return value.OfBool(len(self.Data()) == 0), nil
	})
	l.fn("to_array(blob)", func(_ native.Caller, self *value.Value, _ []value.Value) (value.Value, error) {
		out := make([]value.Value, len(self.Data()))
		for i, b := range self.Data() {
			out[i] = value.OfInt(int64(b))
		}
		return value.OfItems(out), nil
	})
	l.fn("as_string(blob)", func(_ native.Caller, self *value.Value, _ []value.Value) (value.Value, error) {
		return value.OfString(strings.ToValidUTF8(string(self.Data()), "\uFFFD")), nil
	})
	l.fn("contains(blob,int)", func(_ native.Caller, self *value.Value, args []value.Value) (value.Value, error) {
		for _, b := range self.Data() {
			if b == byte(args[0].Int()) {
				return value.OfBool(true), nil
			}
		}
		return value.OfBool(false), nil
	})
	l.fn("get(blob,int)", func(_ native.Caller, self *value.Value, args []value.Value) (value.Value, error) {
		if i, ok := place(len(self.Data()), args[0].Int()); ok {
			return value.OfInt(int64(self.Data()[i])), nil
		}
		return value.OfInt(0), nil
	})
	l.method("set(blob,int,int)", func(_ native.Caller, self *value.Value, args []value.Value) (value.Value, error) {
		if i, ok := place(len(self.Data()), args[0].Int()); ok {
			self.MutBytes().Data[i] = byte(args[1].Int())
		}
		return value.Value{}, nil
	})
	l.blobEnds()
	l.blobParts()
}

func newBlob(c native.Caller, self *value.Value, args []value.Value) (value.Value, error) {
	if self == nil || self.Int() <= 0 {
		return value.OfBytes(nil), nil
	}
	n := self.Int()
	if err := room(n); err != nil {
		return value.Value{}, err
	}
	if err := c.CheckSize(int(n), 0, 0); err != nil {
		return value.Value{}, err
	}
	data := make([]byte, n)
	if len(args) > 0 {
		for i := range data {
			data[i] = byte(args[0].Int())
		}
	}
	return value.OfBytes(data), nil
}

// pushed returns what an argument adds to a blob.
func pushed(v value.Value) []byte {
	switch v.Kind() {
	case value.Int:
		return []byte{byte(v.Int())}
	case value.Blob:
		return append([]byte(nil), v.Data()...)
	}
	return []byte(v.Text())
}

func (l *library) blobEnds() {
	l.method("push(blob,int) append(blob,int) append(blob,blob) append(blob,string) append(blob,char)",
		func(_ native.Caller, self *value.Value, args []value.Value) (value.Value, error) {
			more := pushed(args[0])
			m := self.MutBytes()
			m.Data = append(m.Data, more...)
			return value.Value{}, nil
		})
	l.method("insert(blob,int,int)", func(_ native.Caller, self *value.Value, args []value.Value) (value.Value, error) {
		m := self.MutBytes()
		i, _ := place(len(m.Data), args[0].Int())
		m.Data = splice(m.Data, i, 0, []byte{byte(args[1].Int())})
		return value.Value{}, nil
	})
	l.method("pad(blob,int,int)", func(c native.Caller, self *value.Value, args []value.Value) (value.Value, error) {
		n := args[0].Int()
		if err := room(n); err != nil {
			return value.Value{}, err
		}
		if err := c.CheckSize(int(n), 0, 0); err != nil {
			return value.Value{}, err
		}
		for m := self.MutBytes(); int64(len(m.Data)) < n; {
			m.Data = append(m.Data, byte(args[1].Int()))
		}
		return value.Value{}, nil
	})
	// ends takes the byte at an index out, 0 where there is none.
	ends := func(index func(args []value.Value) int64) native.Func {
		return func(_ native.Caller, self *value.Value, args []value.Value) (value.Value, error) {
			i, ok := exact(len(self.Data()), index(args))
			if !ok {
				return value.OfInt(0), nil
			}
			return value.OfInt(int64(cut(&self.MutBytes().Data, i, 1)[0])), nil
		}
	}
	l.method("pop(blob)", ends(func([]value.Value) int64 { return -1 }))
	l.method("shift(blob)", ends(func([]value.Value) int64 { return 0 }))
	l.method("remove(blob,int)", ends(func(args []value.Value) int64 { return args[0].Int() }))
	l.method("clear(blob)", func(_ native.Caller, self *value.Value, _ []value.Value) (value.Value, error) {
		*self = value.OfBytes(nil)
		return value.Value{}, nil
	})
	l.method("truncate(blob,int)", func(_ native.Caller, self *value.Value, args []value.Value) (value.Value, error) {
		m := self.MutBytes()
		m.Data = m.Data[:min(max(args[0].Int(), 0), int64(len(m.Data)))]
		return value.Value{}, nil
	})
	l.method("chop(blob,int)", func(_ native.Caller, self *value.Value, args []value.Value) (value.Value, error) {
		m := self.MutBytes()
		n := min(max(args[0].Int(), 0), int64(len(m.Data)))
		m.Data = append([]byte(nil), m.Data[int64(len(m.Data))-n:]...)
		return value.Value{}, nil
	})
	l.method("reverse(blob)", func(_ native.Caller, self *value.Value, _ []value.Value) (value.Value, error) {
		data := self.MutBytes().Data
		for i, j := 0, len(data)-1; i < j; i, j = i+1, j-1 {
			data[i], data[j] = data[j], data[i]
		}
		return value.Value{}, nil
	})
}

func (l *library) blobParts() {
	// part makes a function that takes bytes from where its arguments say.
	part := func(take func(m *value.Bytes, from, n int) []byte) native.Func {
		return func(_ native.Caller, self *value.Value, args []value.Value) (value.Value, error) {
			start, length := stretch(args)
			m := self.MutBytes()
			from, n := clamp(len(m.Data), start, length)
			return value.OfBytes(take(m, from, n)), nil
		}
	}
	l.fn("extract(blob,int,int) extract(blob,int) extract(blob,range)", func(_ native.Caller, self *value.Value, args []value.Value) (value.Value, error) {
		start, length := stretch(args)
		from, n := clamp(len(self.Data()), start, length)
		return value.OfBytes(append([]byte(nil), self.Data()[from:from+n]...)), nil
	})
	l.method("split(blob,int)", part(func(m *value.Bytes, from, _ int) []byte {
		return cut(&m.Data, from, len(m.Data)-from)
	}))
	l.method("drain(blob,int,int) drain(blob,range)", part(func(m *value.Bytes, from, n int) []byte {
		return cut(&m.Data, from, n)
	}))
	l.method("retain(blob,int,int) retain(blob,range)", part(func(m *value.Bytes, from, n int) []byte {
		if n == 0 {
			return cut(&m.Data, 0, len(m.Data))
		}
		return keep(&m.Data, from, n)
	}))
	l.method("splice(blob,int,int,blob) splice(blob,range,blob)", func(_ native.Caller, self *value.Value, args []value.Value) (value.Value, error) {
		start, length := stretch(args)
		with := args[len(args)-1].Data()
		m := self.MutBytes()
		from, n := clamp(len(m.Data), start, length)
		if n == 0 {
			from = len(m.Data)
		}
		m.Data = splice(m.Data, from, n, with)
		return value.Value{}, nil
	})
}

// window returns at most limit of the bytes that the arguments mean.
func window(data []byte, args []value.Value, limit int) []byte {
	start, length := stretch(args)
	from, n := clamp(len(data), start, length)
	return data[from : from+min(n, limit)]
}

func (l *library) blobNumbers() {
	for name, order := range map[string]binary.ByteOrder{"le": binary.LittleEndian, "be": binary.BigEndian} {
		read := func(self *value.Value, args []value.Value) uint64 {
			var buf [8]byte
			copy(buf[:], window(self.Data(), args, 8))
			return order.Uint64(buf[:])
		}
		sigs := func(s string) string { return strings.ReplaceAll(s, "%", name) }
		l.fn(sigs("parse_%_int(blob,int,int) parse_%_int(blob,range)"), func(_ native.Caller, self *value.Value, args []value.Value) (value.Value, error) {
			return value.OfInt(int64(read(self, args))), nil
		})
		l.fn(sigs("parse_%_float(blob,int,int) parse_%_float(blob,range)"), func(_ native.Caller, self *value.Value, args []value.Value) (value.Value, error) {
			return value.OfFloat(math.Float64frombits(read(self, args))), nil
		})
		l.method(sigs("write_%(blob,int,int,int) write_%(blob,range,int) write_%(blob,int,int,float) write_%(blob,range,float)"),
			func(_ native.Caller, self *value.Value, args []value.Value) (value.Value, error) {
				bits := uint64(args[len(args)-1].Int())
				var buf [8]byte
				order.PutUint64(buf[:], bits)
				copy(window(self.MutBytes().Data, args, 8), buf[:])
				return value.Value{}, nil
			})
	}
	write := func(ascii bool) native.Func {
		return func(_ native.Caller, self *value.Value, args []value.Value) (value.Value, error) {
			s := args[len(args)-1].Str()
			n := len(s)
			if ascii {
				s = strings.Map(func(c rune) rune {
					if c > 127 {
						return -1
					}
					return c
				}, s)
			}
			copy(window(self.MutBytes().Data, args, n), s)
			return value.Value{}, nil
		}
	}
	l.method("write_utf8(blob,int,int,string) write_utf8(blob,range,string)", write(false))
	l.method("write_ascii(blob,int,int,string) write_ascii(blob,range,string)", write(true))
}
