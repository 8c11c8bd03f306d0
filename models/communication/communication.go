// Package communication is the shared domain of what people say to each other:
// messages, as mail is, and chats.
package communication

import (
	"context"

	"forge.ourworld.tf/lhumina_code/hero/models/internal/valid"
	"forge.ourworld.tf/lhumina_code/hero/sdk"
	"forge.ourworld.tf/lhumina_code/hero/store"
)

// Name is the domain's name.
const Name = "communication"

// domain serves in one context.
type domain struct {
	messages     *store.Objects[Message]
	groups       *store.Objects[ChatGroup]
	chatMessages *store.Objects[ChatMessage]
}

// Domain is the domain as a part of a service.
func Domain() sdk.Part {
	return sdk.Domain[*domain]{
		Name: Name, Shared: Name, Version: "0.1.0", Title: "Communication",
		Description: "Messages and chats.",
		Open:        open,
		Methods: sdk.Methods(
			sdk.Objects("message", func(d *domain) *store.Objects[Message] { return d.messages }),
			sdk.Objects("chat_group", func(d *domain) *store.Objects[ChatGroup] { return d.groups }),
			sdk.Objects("chat_message", func(d *domain) *store.Objects[ChatMessage] { return d.chatMessages }),
			[]sdk.Method[*domain]{
				sdk.Call("message.receive", (*domain).receive, sdk.Doc{
					Summary: "Stores a mail (RFC 5322, with MIME) as a message and returns it."}),
			},
		),
	}
}

func open(ctx context.Context, t *sdk.Tenant) (*domain, error) {
	s, err := t.Store(ctx)
	if err != nil {
		return nil, err
	}
	d := new(domain)
	if d.messages, err = store.ObjectsOf[Message](s, "message"); err != nil {
		return nil, err
	}
	if d.groups, err = store.ObjectsOf[ChatGroup](s, "chat_group"); err != nil {
		return nil, err
	}
	d.chatMessages, err = store.ObjectsOf[ChatMessage](s, "chat_message")
	return d, err
}

// Message is what somebody wrote to others.
type Message struct {
	Message string `json:"message" doc:"The text; it must not be empty." search:"yes"`
	store.Base
	Subject string    `json:"subject,omitzero" doc:"What it is about." index:"yes" search:"yes"`
	Parent  string    `json:"parent,omitzero" doc:"Id of the message that it answers." index:"yes"`
	Author  string    `json:"author,omitzero" doc:"Id or e-mail address of who wrote it." index:"yes" search:"yes"`
	To      []string  `json:"to,omitzero" doc:"Ids or e-mail addresses of those it is to." index:"yes" search:"yes"`
	CC      []string  `json:"cc,omitzero" doc:"Ids or e-mail addresses of those who get a copy." index:"yes" search:"yes"`
	SendLog []SendLog `json:"send_log,omitzero" doc:"When it was sent, and how that went."`
}

// SendLog is one attempt to send a message.
type SendLog struct {
	To        []string   `json:"to,omitzero"`
	CC        []string   `json:"cc,omitzero"`
	Status    string     `json:"status,omitzero"`
	Timestamp store.Time `json:"timestamp,omitzero"`
}

// Validate reports the first field that cannot be.
func (m *Message) Validate() error { return valid.Required("message", m.Message) }

// ChatType says who is in a chat.
type ChatType string

// Enum returns the values a ChatType can have.
func (ChatType) Enum() []string {
	return []string{"public_channel", "private_channel", "direct_message", "group_message"}
}

// ChatGroup is a place where users chat.
type ChatGroup struct {
	store.Base
	ChatType     ChatType   `json:"chat_type,omitzero" doc:"Who is in it; public_channel where empty." index:"yes"`
	LastActivity store.Time `json:"last_activity,omitzero" doc:"When something was said last." index:"yes"`
	IsArchived   bool       `json:"is_archived,omitzero" doc:"Whether it is kept for reading only." index:"yes"`
	GroupID      string     `json:"group_id,omitzero" doc:"Id of the group of users (identity) who are in it." index:"yes"`
}

// Validate reports the first field that cannot be.
func (g *ChatGroup) Validate() error {
	return valid.Default("chat_type", &g.ChatType, "public_channel")
}

// LinkType says how a chat message is linked to another.
type LinkType string

// Enum returns the values a LinkType can have.
func (LinkType) Enum() []string { return []string{"reply", "reference", "forward", "quote"} }

// MessageType says what a chat message holds.
type MessageType string

// Enum returns the values a MessageType can have.
func (MessageType) Enum() []string {
	return []string{"text", "image", "file", "voice", "video", "system", "announcement"}
}

// MessageStatus says how far a chat message came.
type MessageStatus string

// Enum returns the values a MessageStatus can have.
func (MessageStatus) Enum() []string {
	return []string{"sent", "delivered", "read", "failed", "deleted"}
}

// ChatMessage is what a user said in a chat.
type ChatMessage struct {
	store.Base
	Content        string        `json:"content,omitzero" doc:"The text." search:"yes"`
	ChatGroupID    string        `json:"chat_group_id,omitzero" doc:"Id of the chat." index:"yes"`
	SenderID       string        `json:"sender_id,omitzero" doc:"Id of the user who said it." index:"yes"`
	ParentMessages []MessageLink `json:"parent_messages,omitzero" doc:"The messages that it is linked to."`
	FSFiles        []string      `json:"fs_files,omitzero" doc:"Ids of files." index:"yes"`
	MessageType    MessageType   `json:"message_type,omitzero" doc:"What it holds; text where empty." index:"yes"`
	Status         MessageStatus `json:"status,omitzero" doc:"How far it came; sent where empty." index:"yes"`
	Reactions      []Reaction    `json:"reactions,omitzero" doc:"What others showed to it."`
	Mentions       []string      `json:"mentions,omitzero" doc:"Ids of the users it names." index:"yes"`
}

// MessageLink links a chat message to another.
type MessageLink struct {
	MessageID string   `json:"message_id"`
	LinkType  LinkType `json:"link_type"`
}

// Reaction is what a user showed to a message.
type Reaction struct {
	UserID    string     `json:"user_id"`
	Emoji     string     `json:"emoji"`
	Timestamp store.Time `json:"timestamp,omitzero"`
}

// Validate reports the first field that cannot be.
func (m *ChatMessage) Validate() error {
	for _, l := range m.ParentMessages {
		if err := valid.First(valid.Required("parent_messages.message_id", l.MessageID),
			valid.OneOf("parent_messages.link_type", l.LinkType)); err != nil {
			return err
		}
	}
	for _, r := range m.Reactions {
		if err := valid.First(valid.Required("reactions.user_id", r.UserID), valid.Required("reactions.emoji", r.Emoji)); err != nil {
			return err
		}
	}
	if err := valid.First(valid.Default("message_type", &m.MessageType, "text"), valid.Default("status", &m.Status, "sent")); err != nil {
		return err
	}
	if len(m.FSFiles) == 0 && m.Status != "deleted" {
		return valid.Required("content", m.Content)
	}
	return nil
}
