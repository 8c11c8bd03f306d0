package syntax

// Walk calls visit for n and, where that returns true, for every node under
// it, in the order of the text. Functions other than closures belong to the
// Script and are not reached from its Body.
func Walk(n Node, visit func(Node) bool) {
	if n == nil || !visit(n) {
		return
	}
	w := func(ns ...Node) {
		for _, c := range ns {
			if c != nil {
				Walk(c, visit)
			}
		}
	}
	switch n := n.(type) {
	case Expr:
		walkExpr(n, w)
	case Stmt:
		walkStmt(n, w)
	case *Case:
		for _, v := range n.Values {
			w(v)
		}
		w(orNil(n.Guard), n.Body)
	}
}

// orNil makes a nil Expr a nil Node.
func orNil(x Expr) Node {
	if x == nil {
		return nil
	}
	return x
}

func walkAll[T Node](ns []T, w func(...Node)) {
	for _, n := range ns {
		w(n)
	}
}

func walkExpr(x Expr, w func(...Node)) {
	switch x := x.(type) {
	case *Interpolated:
		walkAll(x.Parts, w)
	case *Array:
		walkAll(x.Items, w)
	case *Map:
		walkAll(x.Values, w)
	case *Unary:
		w(x.X)
	case *Binary:
		w(x.X, x.Y)
	case *Call:
		walkAll(x.Args, w)
	case *Method:
		w(x.X)
		walkAll(x.Args, w)
	case *Property:
		w(x.X)
	case *Index:
		w(x.X, x.I)
	case *Closure:
		w(x.Fn.Body)
	case *StmtExpr:
		w(x.S)
	}
}

func walkStmt(s Stmt, w func(...Node)) {
	switch s := s.(type) {
	case *ExprStmt:
		w(s.X)
	case *Let:
		w(orNil(s.X))
	case *Assign:
		w(s.X, s.Y)
	case *Block:
		walkAll(s.Stmts, w)
	case *If:
		w(s.Cond, s.Then)
		if s.Else != nil {
			w(s.Else)
		}
	case *Switch:
		w(s.X)
		walkAll(s.Cases, w)
	case *Loop:
		w(orNil(s.Cond), s.Body)
	case *For:
		w(s.X, s.Body)
	case *Jump:
		w(orNil(s.X))
	case *Try:
		w(s.Body, s.Handler)
	case *Import:
		w(s.X)
	}
}
