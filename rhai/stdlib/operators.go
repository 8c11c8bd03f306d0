package stdlib

import (
	"time"

	"forge.ourworld.tf/lhumina_code/hero/rhai/failure"
	"forge.ourworld.tf/lhumina_code/hero/rhai/native"
	"forge.ourworld.tf/lhumina_code/hero/rhai/operator"
	"forge.ourworld.tf/lhumina_code/hero/rhai/value"
)

// operators makes the operators callable by name: array.dedup(Fn("==")) does
// not parse, but Go code and call_fn may ask for them.
func (l *library) operators() {
	for op := operator.Add; op <= operator.Ge; op++ {
		name := op.String()
		l.t.Add(&native.Def{
			Name: name, Params: []native.Param{{Any: true}, {Any: true}},
			Fn: func(_ native.Caller, self *value.Value, args []value.Value) (value.Value, error) {
				v, ok, err := operator.Binary(op, *self, args[0])
				if err == nil && !ok {
					err = failure.NotFound(name, *self, args[0])
				}
				return v, err
			},
		})
	}
}

func (l *library) time() {
	l.fn("timestamp()", func(native.Caller, *value.Value, []value.Value) (value.Value, error) {
		return value.OfTime(time.Now()), nil
	})
	l.prop("elapsed(time)", func(_ native.Caller, self *value.Value, _ []value.Value) (value.Value, error) {
		d := time.Since(self.Time())
		if d < 0 {
			return value.Value{}, failure.Arithmetic("Time-stamp is later than now")
		}
		return value.OfFloat(d.Seconds()), nil
	})
}
