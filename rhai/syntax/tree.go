package syntax

import "strconv"

// Pos is a place in a script: line and column count characters from one. The
// zero Pos stands for "no place".
type Pos struct{ Line, Col int32 }

// IsZero reports whether p stands for no place.
func (p Pos) IsZero() bool { return p.Line == 0 }

// String returns the place as error messages show it.
func (p Pos) String() string {
	return "line " + strconv.Itoa(int(p.Line)) + ", position " + strconv.Itoa(int(p.Col))
}

// Node is any part of a syntax tree.
type Node interface {
	// Position returns where the node starts, or where its operator stands.
	Position() Pos
}

// Expr is a node that has a value: one of Literal, Variable, Interpolated,
// Array, Map, Unary, Binary, Call, Method, Property, Index, Closure, StmtExpr.
type Expr interface {
	Node
	isExpr()
}

// Stmt is a node that is run: one of ExprStmt, Let, Assign, Block, If, Switch,
// Loop, For, Jump, Try, Import, Export.
type Stmt interface {
	Node
	isStmt()
}

// Position returns p itself; every node embeds its Pos.
func (p Pos) Position() Pos { return p }

type exprNode struct{}

func (exprNode) isExpr() {}

type stmtNode struct{}

func (stmtNode) isStmt() {}

// Literal is a constant of the text. Value is nil for (), or a bool, int64,
// float64, rune or string.
type Literal struct {
	Pos
	exprNode
	Value any
}

// Variable is a name, with the path of modules before it where there is one.
// The name "this" is the object of a method call.
type Variable struct {
	Pos
	exprNode
	Path []string
	Name string
}

// Interpolated is a back-tick string with embedded blocks.
type Interpolated struct {
	Pos
	exprNode
	Parts []Expr
}

// Array is an array literal.
type Array struct {
	Pos
	exprNode
	Items []Expr
}

// Map is an object map literal; Keys and Values have the same length.
type Map struct {
	Pos
	exprNode
	Keys   []string
	Values []Expr
}

// Unary is one of the operators "-", "+" and "!" before an operand.
type Unary struct {
	Pos
	exprNode
	Op string
	X  Expr
}

// Binary is an operator between two operands, among them "&&", "||", "??",
// "in", "!in", ".." and "..=".
type Binary struct {
	Pos
	exprNode
	Op   string
	X, Y Expr
}

// Call is a call in function style. Capture stands for the exclamation mark
// of a call that runs in its caller's scope.
type Call struct {
	Pos
	exprNode
	Path    []string
	Name    string
	Args    []Expr
	Capture bool
}

// Method is a call in method style. Elvis stands for "?." .
type Method struct {
	Pos
	exprNode
	X     Expr
	Name  string
	Args  []Expr
	Elvis bool
}

// Property is X.Name; Elvis stands for "?." .
type Property struct {
	Pos
	exprNode
	X     Expr
	Name  string
	Elvis bool
}

// Index is X[I]; Elvis stands for "?[" .
type Index struct {
	Pos
	exprNode
	X, I  Expr
	Elvis bool
}

// Closure is an anonymous function with the names that it takes from around
// it; those come first among the parameters of Fn.
type Closure struct {
	Pos
	exprNode
	Fn       *Func
	Captures []*Variable
}

// StmtExpr is a block, if, switch or loop that stands as an expression.
type StmtExpr struct {
	Pos
	exprNode
	S Stmt
}

// ExprStmt is an expression that stands as a statement.
type ExprStmt struct {
	Pos
	stmtNode
	X Expr
}

// Let declares a variable or, with Const, a constant. X may be nil. NamePos
// is where the name stands.
type Let struct {
	Pos
	stmtNode
	NamePos Pos
	Name    string
	Const   bool
	Export  bool
	X       Expr
}

// Assign is an assignment. Op is "" or the operator of a compound assignment,
// such as "+".
type Assign struct {
	Pos
	stmtNode
	Op   string
	X, Y Expr
}

// Block is a list of statements between braces, or a whole script.
type Block struct {
	Pos
	stmtNode
	Stmts []Stmt
	End   Pos
}

// If is a conditional; Else is nil, an *If or a *Block.
type If struct {
	Pos
	stmtNode
	Cond Expr
	Then *Block
	Else Stmt
}

// Switch compares X with the constants of its cases.
type Switch struct {
	Pos
	stmtNode
	X     Expr
	Cases []*Case
}

// Case is one case of a Switch. The default case has no Values. Values are
// constants: literals, arrays and maps of them, ranges. Guard may be nil.
type Case struct {
	Pos
	Values []Expr
	Guard  Expr
	Body   Stmt
}

// Loop is a while, loop or do statement. Cond is nil for loop. After stands
// for do, where the body runs first; Until negates the condition.
type Loop struct {
	Pos
	stmtNode
	Cond         Expr
	Body         *Block
	After, Until bool
}

// For runs over what X yields. Counter may be empty.
type For struct {
	Pos
	stmtNode
	Var, Counter string
	X            Expr
	Body         *Block
}

// Jump is a break, continue, return or throw, as Kind says. X may be nil.
type Jump struct {
	Pos
	stmtNode
	Kind string
	X    Expr
}

// Try is a try statement; Var may be empty.
type Try struct {
	Pos
	stmtNode
	Body    *Block
	Var     string
	Handler *Block
}

// Import loads a module; As may be empty.
type Import struct {
	Pos
	stmtNode
	X  Expr
	As string
}

// Export makes a variable a member of the module that the script is; As may
// be empty.
type Export struct {
	Pos
	stmtNode
	Name, As string
}

// Func is a function. This is the type of object that a method is for, as
// `fn string.shout()` declares it, or empty. Doc holds the lines of its doc
// comments.
type Func struct {
	Pos
	Name      string
	Params    []string
	This      string
	Private   bool
	Anonymous bool
	Body      Stmt
	Doc       []string
}

// Script is a whole script: its statements, and its functions with those of
// closures among them.
type Script struct {
	Name  string
	Text  string
	Body  *Block
	Funcs []*Func
}
