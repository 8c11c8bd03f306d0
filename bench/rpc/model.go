package main

// Sum is the params of add.
type Sum struct {
	A int `json:"a"`
	B int `json:"b"`
}

// Total is the result of add.
type Total struct {
	Sum int `json:"sum"`
}

// Order is the params of create.
type Order struct {
	Customer Customer          `json:"customer"`
	Items    []Item            `json:"items"`
	Labels   map[string]string `json:"labels,omitempty"`
	Note     string            `json:"note,omitempty"`
	Paid     bool              `json:"paid"`
}

// Customer is who orders.
type Customer struct {
	Name    string  `json:"name"`
	Email   string  `json:"email"`
	Address Address `json:"address"`
}

// Address is where to.
type Address struct {
	Street string  `json:"street"`
	City   string  `json:"city"`
	Lat    float64 `json:"lat"`
	Lon    float64 `json:"lon"`
}

// Item is one line of an order.
type Item struct {
	SKU   string  `json:"sku"`
	Count int     `json:"count"`
	Price float64 `json:"price"`
}

// Receipt is the result of create.
type Receipt struct {
	ID    string  `json:"id"`
	Total float64 `json:"total"`
	Order Order   `json:"order"`
}

const (
	addParams    = `{"a":1,"b":2}`
	createParams = `{"customer":{"name":"Ada Lovelace","email":"ada@example.org",` +
		`"address":{"street":"12 St James's Square","city":"London","lat":51.5074,"lon":-0.1278}},` +
		`"items":[{"sku":"pizza-margherita","count":2,"price":9.5},{"sku":"tiramisu","count":1,"price":5.25},` +
		`{"sku":"espresso","count":3,"price":2.1}],"labels":{"channel":"web","table":"7"},"note":"ring twice","paid":true}`
)

// expected is what every right response holds.
var expected = map[string][]byte{"add": []byte(`"sum":3`), "create": []byte(`"total":30.55`)}

func sum(p Sum) Total { return Total{Sum: p.A + p.B} }

func create(p Order) Receipt {
	total := 0.0
	for _, item := range p.Items {
		total += float64(item.Count) * item.Price
	}
	return Receipt{ID: "order-1", Total: total, Order: p}
}
