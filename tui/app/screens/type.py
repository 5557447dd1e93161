"""The first screen: type a text and read its answer; below it, the answers before."""

from collections.abc import Sequence
from functools import partial

from textual import on, work
from textual.app import ComposeResult
from textual.content import Content
from textual.timer import Timer

from models.console import one_line, tr
from tui.app import keymap
from tui.app.clipboard import copy
from tui.app.model_worker import Answer, Answered, answer
from tui.app.screens.page import Page
from tui.app.screens.why import ExplainDialog
from tui.app.theme import FAINT, named, percent
from tui.app.widgets.answer_card import DOUBT, AnswerCard
from tui.app.widgets.text_entry import SafeInput, TextEntry
from tui.app.widgets.virtual_list import VirtualList

_PAUSE = 0.35  # seconds without a key, after which a text that is being typed is answered


class History(VirtualList[Answer]):
    """The answers of this session and those before."""

    BINDINGS = [*keymap.HISTORY]
    BINDING_GROUP_TITLE = tr("The list of answers")


class TypeScreen(Page):
    """A text entry, the newest answer, and the answers before it."""

    AUTO_FOCUS = "TextEntry"
    BINDINGS = [*keymap.TYPE_SCREEN]
    BINDING_GROUP_TITLE = tr("Type a text")
    _answer: Answer | None = None
    _pause: Timer | None = None

    def _body(self) -> ComposeResult:
        """Lay out the screen, the entry on top: input methods draw below the cursor."""
        yield TextEntry()
        yield AnswerCard()
        yield SafeInput(placeholder=tr("Search the history"), id="find")
        empty = tr("The answers will be listed here, newest first.")
        found: Sequence[Answer] = ()
        yield History(found, self._draw, empty, id="history")

    def refresh_state(self) -> None:
        """Say how things stand, and list the answers."""
        state, card = self.app.state, self._card
        self.set_class(state == "refused", "-refused")
        if state == "refused":
            card.refuse(self.app.refusal, self.app.key_of("palette"))
        elif self._answer is not None:
            card.show(self._answer, self.app.corrections.labels.get(self._answer.text))
        elif state == "loading":
            card.say(tr("The model is loading. You can type already."))
        else:
            card.say(tr("Type a review above and press Enter."))
        self._fill()

    @on(SafeInput.Changed, "#find")
    def _fill(self) -> None:
        """List the answers to texts that contain what is searched for, in any case."""
        answers, history = self.app.answers, self._history
        wanted = self.query_one("#find", SafeInput).value.strip().casefold()
        found = [answer for answer in reversed(answers) if wanted in answer.text.casefold()]
        count = str(len(found))
        if wanted:
            count += f" / {len(answers)}"
        history.border_title = tr("Answers · {count}", count=count)
        if len(found) == len(history.items):
            history.show(found)
        else:
            history.show(found, cursor=0)

    @property
    def _entry(self) -> TextEntry:
        return self.query_one(TextEntry)

    @property
    def _card(self) -> AnswerCard:
        return self.query_one(AnswerCard)

    @property
    def _history(self) -> VirtualList[Answer]:
        return self.query_one("#history", VirtualList)

    def _draw(self, found: Answer, width: int) -> Content:
        """Draw an answer as a line."""
        name = named(found.labels, found.winner)
        unsure = f"{DOUBT.get(found.status, ''):<2}"
        corrected = "✎" if found.text in self.app.corrections.labels else " "
        marks = f" {percent(max(found.probabilities))} {unsure}{corrected} "
        text = one_line(found.text, width - name.cell_length - len(marks))
        return Content.assemble(name, (marks, FAINT), text)

    @property
    def _subject(self) -> Answer | None:
        """The answer that is meant: the one under the cursor of the list, else the one shown."""
        if self._history.has_focus:
            return self._history.chosen
        return self._card.answer

    @on(TextEntry.Changed)
    def _wait_for_pause(self) -> None:
        """Ask for a live answer once no key comes for a while."""
        if self._pause is not None:
            self._pause.stop()
        if self.app.preferences.live:
            self._pause = self.set_timer(_PAUSE, partial(self.call_later, self._ask_live))

    def _ask_live(self) -> None:
        text = self._entry.text
        if text.strip() and text.strip() != "q" and self.app.state == "ready":
            self.app.model_worker.submit(
                lambda model: answer(model, text, live=True), self.post_message, slot="live"
            )

    @on(TextEntry.Submitted)
    async def _submitted(self, event: TextEntry.Submitted) -> None:
        if event.text.strip() == "q":  # as in the tutorial's loop
            await self.app.action_quit()
        elif self.app.state == "refused":
            self.app.bell()  # the card says why, and goes on saying it
        elif not event.text.strip():
            self._card.say(tr("Nothing to classify yet: type a text first."))
        else:
            self._ask(event.text)

    def _ask(self, text: str) -> None:
        self.app.model_worker.submit(lambda model: answer(model, text), self.post_message)
        if self.app.state == "loading":
            waiting = tr("The model is still loading; your answer will appear here.")
            self._card.say(waiting)

    @on(Answered)
    def _answered(self, event: Answered) -> None:
        if event.live and event.answer.text != self._entry.text:
            return  # it was changed or submitted meanwhile
        self._answer = event.answer
        if not event.live:
            self.app.keep(event.answer)
        self.refresh_state()

    @on(TextEntry.ManyLines)
    @work(description="paste")
    async def _many_lines(self, event: TextEntry.ManyLines) -> None:
        texts = [line for line in event.text.splitlines() if line.strip()]
        choices = [tr("One text"), tr("{count:text}, one a line", count=len(texts))]
        number = await self.app.ask(tr("You pasted several lines"), choices)
        if number == 0:
            self._entry.insert(event.text)
        elif number == 1:
            for text in texts:
                self._ask(text)

    @on(TextEntry.Dropped)
    def _dropped(self, event: TextEntry.Dropped) -> None:
        self.app.open_file(event.path)

    @on(SafeInput.Submitted, "#find")
    def _found(self) -> None:
        self._history.focus()

    def action_find(self) -> None:
        """Open the line that searches the answers; a second time, close it."""
        find = self.query_one("#find", SafeInput)
        self.toggle_class("-finding")
        if self.has_class("-finding"):
            find.focus()
        else:
            find.clear()
            self._entry.focus()

    @on(VirtualList.Chosen)
    def _taken(self) -> None:
        """Put the chosen text back into the entry, and show its answer."""
        if (chosen := self._history.chosen) is not None:
            self._entry.text = chosen.text
            self._answer = chosen
            self.refresh_state()
            self._entry.focus()

    def action_explain(self) -> None:
        """Show why the model answers so."""
        typed, subject = self._entry.text, self._subject
        if self._entry.has_focus and typed.strip():
            self.app.push_screen(ExplainDialog(typed))
        elif subject is not None:
            self.app.push_screen(ExplainDialog(subject.text))
        else:
            self.app.bell()

    def action_correct(self) -> None:
        """Ask which label is right, and note it down."""
        if (subject := self._subject) is None:
            self.app.bell()
        else:
            self.ask_label([subject.text], subject.labels, self.refresh_state)

    def action_copy(self) -> None:
        """Copy the chosen text."""
        if (chosen := self._history.chosen) is not None:
            copy(self.app, chosen.text)
