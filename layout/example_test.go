package layout_test

import (
	"fmt"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/layout"
)

// A name is parsed once, at the border, and is a type from then on: what could
// lead out of the folder never becomes a path.
func Example() {
	places, _ := layout.PlacesOf(func(string) string { return "" }, "/home/ann")
	service, _ := layout.ParseService("hero_food")
	domain, _ := layout.ParseDomain("delivery")
	fmt.Println(places.DomainSocket(service, layout.Root, domain))

	_, err := layout.ParseContext("../identity")
	fmt.Println(err)
	fmt.Println(fault.Hint(err))
	// Output:
	// /home/ann/hero/var/sockets/hero_food_server/root/delivery.sock
	// context name "../identity": byte 1 may not stand there
	// a context's name starts with a lower-case letter or a digit and goes on with those, _ and -
}
