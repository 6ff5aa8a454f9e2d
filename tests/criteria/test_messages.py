"""What patients write, and what the reader makes of it. Every phrase is a case; `yes` stands for LA33-6."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_svc.criteria.messages import Reading, read
from fhir_svc.criteria.vocabulary import compile_vocabulary
from fhir_svc.criteria.wording import sentences

PROFILES = Path(__file__).parents[2] / "profiles"
VOCABULARY = compile_vocabulary(json.loads((PROFILES / "CodeSystem" / "message-language.json").read_text()))

RAISES = [
    ("I am numb between my legs", "rf-saddle-numbness=yes"),
    ("I feel numb down there since yesterday", "rf-saddle-numbness=yes"),
    ("My genitals feel numb", "rf-saddle-numbness=yes"),
    ("numbness in my groin since this morning", "rf-saddle-numbness=yes"),
    ("I have no feeling in my private parts", "rf-saddle-numbness=yes"),
    ("saddle numbness", "rf-saddle-numbness=yes"),
    ("I can't feel the toilet paper", "rf-saddle-numbness=yes"),
    ("I haven't been able to feel when I wipe", "rf-saddle-numbness=yes"),
    ("My bum has gone numb and it will not come back", "rf-saddle-numbness=yes"),
    ("I have pins and needles between my legs", "rf-saddle-numbness=yes"),
    ("the numbness where I sit is not going away", "rf-saddle-numbness=yes"),
    ("I am used to being numb between the legs", "rf-saddle-numbness=yes"),
    ("I had numbness between my legs last night", "rf-saddle-numbness=yes"),
    ("Since last year I have had numbness between my legs", "rf-saddle-numbness=yes"),
    ("My wife noticed my foot keeps slapping", "rf-foot-drop=yes"),
    ("not only numb between my legs but also weak", "rf-saddle-numbness=yes"),
    ("no numbness but I can't pee", "rf-bladder-change=cannot-pass"),
    ("I cannot pass urine since this morning", "rf-bladder-change=cannot-pass"),
    ("cant pee", "rf-bladder-change=cannot-pass"),
    ("I can't pee", "rf-bladder-change=cannot-pass"),
    ("I have not peed since last night", "rf-bladder-change=cannot-pass"),
    ("I have trouble starting to pee", "rf-bladder-change=reduced-sensation"),
    ("I can't feel when my bladder is full", "rf-bladder-change=reduced-sensation"),
    ("I wet myself", "rf-bladder-change=new-leakage"),
    ("I leaked urine twice today", "rf-bladder-change=new-leakage"),
    ("I have become incontinent", "rf-bladder-change=new-leakage"),
    ("lost control of my bladder and bowels", "rf-bladder-change=new-leakage rf-bowel-change=leakage"),
    ("I can't hold my pee any more", "rf-bladder-change=new-leakage"),
    ("I soiled myself yesterday", "rf-bowel-change=leakage"),
    ("I no longer feel the urge to pee", "rf-bladder-change=reduced-sensation"),
    ("I can't get an erection since Tuesday", "rf-sexual-change=yes"),
    ("Both my legs are weak since yesterday", "rf-leg-weakness=both"),
    ("my left leg gives way", "rf-leg-weakness=one"),
    ("My right leg is so weak I cannot climb stairs", "rf-leg-weakness=one"),
    ("I can't lift my left foot", "rf-foot-drop=left"),
    ("My feet keep dragging", "rf-foot-drop=both"),
    ("I keep tripping over my toes", "rf-foot-drop=yes"),
    ("I have foot drop on the right", "rf-foot-drop=yes rf-foot-drop=right"),
    ("my right foot drags and my leg is weak", "rf-leg-weakness=one rf-foot-drop=yes rf-foot-drop=right"),
    ("I suddenly can't walk", "rf-sudden-walking-difficulty=yes"),
    ("I can no longer walk at all", "rf-sudden-walking-difficulty=yes"),
    ("The numbness is spreading up my legs", "rf-numbness-spread=days"),
    ("numbness has moved up to my knees in three days", "rf-numbness-spread=days"),
    ("New pain shooting down both legs since yesterday", "rf-bilateral-leg-pain-new=yes"),
    ("I have a fever", "rf-fever-chills=yes"),
    ("Fever and chills since last night", "rf-fever-chills=yes"),
    ("my temp is 39", "rf-fever-chills=yes"),
    ("I had a temperature of 101.5 F yesterday", "rf-fever-chills=yes"),
    ("I wake up soaked in sweat every night", "rf-night-sweats=yes"),
    ("I have lost 6 kg without trying", "rf-weight-loss=yes"),
    ("the pain wakes me every night", "rf-night-pain=yes"),
    ("pain is constant and no position helps", "rf-rest-pain-constant=yes"),
    ("I have cancer", "rf-cancer-history=active"),
    ("I had breast cancer ten years ago", "rf-cancer-history=within-5-years"),
    ("I fell down the stairs yesterday", "rf-trauma=major rf-trauma=minor"),
    ("I fell over at home yesterday", "rf-trauma=minor"),
    ("My leg suddenly went cold and white", "rf-cold-pale-leg=yes"),
    ("numbnes betwen my legs", "rf-saddle-numbness=yes"),
    ("I am nubm where i sit", "rf-saddle-numbness=yes"),
    ("i cant feel my blader", "rf-bladder-change=reduced-sensation"),
    ("I have incontinance", "rf-bladder-change=new-leakage"),
    ("my fooot is draging", "rf-foot-drop=yes"),
    ("weekness in my left leg since yesterday", "rf-leg-weakness=one"),
    ("I lost control of my baldder", "rf-bladder-change=new-leakage"),
    ("saddle nunbmess", "rf-saddle-numbness=yes"),
    ("tniglnig between my legs", "rf-saddle-numbness=yes"),
    ("numbness in my rgoin", "rf-saddle-numbness=yes"),
    ("I can't feel the toilet paper and my mother had cancer", "rf-saddle-numbness=yes"),
    ("I pooped in my pants and did not notice and cant pee", "rf-bladder-change=cannot-pass rf-bowel-change=leakage"),
    ("numb between my legs, no fever and no erection since Monday", "rf-saddle-numbness=yes rf-sexual-change=yes"),
    ("Not numb, but tingling between my legs", "rf-saddle-numbness=yes"),
    ("no fever and I can't pee", "rf-bladder-change=cannot-pass"),
    ("My husband says I am dragging my foot", "rf-foot-drop=yes"),
    ("I am not able to move my toes", "rf-foot-drop=yes"),
    ("Last year I broke my leg. Now I am numb between my legs.", "rf-saddle-numbness=yes"),
    ("Last year I had an operation and now I can't feel when I wipe", "rf-saddle-numbness=yes"),
    ("The numbness came back between my legs", "rf-saddle-numbness=yes"),
    ("I inject heroin", "rf-ivdu=yes"),
    ("I am on chemo", "rf-immunosuppressed=yes"),
    ("I had an epidural last week", "rf-recent-infection-or-spinal-procedure=yes"),
    ("Why is my foot dragging?", "rf-foot-drop=yes"),
    ("My foot keeps slapping, what should I do?", "rf-foot-drop=yes"),
    ("I cannot lift my leg", "rf-leg-weakness=one"),
    ("my legs gave way this morning", "rf-leg-weakness=both"),
    ("It's gone numb where I sit", "rf-saddle-numbness=yes"),
    ("I've wet the bed", "rf-bladder-change=new-leakage"),
    ("I can't control my bowels", "rf-bowel-change=leakage"),
    ("I don't feel anything when I wipe", "rf-saddle-numbness=yes"),
    ("Since this morning I can't feel my bottom", "rf-saddle-numbness=yes"),
    ("My backside is numb", "rf-saddle-numbness=yes"),
    ("it feels strange between my legs", "rf-saddle-numbness=yes"),
    ("I sit and it feels like cotton", "rf-saddle-numbness=yes"),
    ("my left foot slaps on the floor", "rf-foot-drop=yes rf-foot-drop=left"),
    ("my ankle drops", "rf-foot-drop=yes"),
    ("I trip over my own toes", "rf-foot-drop=yes"),
    ("Since Monday I can't lift my toes", "rf-foot-drop=yes"),
    ("my foot is floppy", "rf-foot-drop=yes"),
    ("I have to strain to pee", "rf-bladder-change=reduced-sensation"),
    ("urine just comes out", "rf-bladder-change=new-leakage"),
    ("I peed myself in bed last night", "rf-bladder-change=new-leakage"),
    ("stool leaks", "rf-bowel-change=leakage"),
    ("I poo myself", "rf-bowel-change=leakage"),
    ("No erection since the weekend", "rf-sexual-change=yes"),
    ("I can hardly walk since yesterday", "rf-sudden-walking-difficulty=yes"),
    ("walking suddenly became difficult", "rf-sudden-walking-difficulty=yes"),
    ("I get chills and feel feverish", "rf-fever-chills=yes"),
    ("38.7 degrees this morning", "rf-fever-chills=yes"),
    ("I wake up drenched", "rf-night-sweats=yes"),
    ("I've been losing weight without dieting", "rf-weight-loss=yes"),
    ("I have a urine infection since Tuesday", "rf-recent-infection-or-spinal-procedure=yes"),
    ("I am taking prednisone for 6 months", "rf-steroid-3mo=yes"),
    ("I have osteoporosis", "rf-osteoporosis=yes"),
    ("I tripped and fell yesterday", "rf-trauma=minor"),
    ("I fell off a ladder this week", "rf-trauma=major rf-trauma=minor"),
    ("I was hit by a car two days ago", "rf-trauma=major"),
    ("My foot turned white and cold", "rf-cold-pale-leg=yes"),
    ("I believe I am numb between my legs", "rf-saddle-numbness=yes"),
    ("a bit numb between my legs", "rf-saddle-numbness=yes"),
    ("numbness between my legs comes and goes", "rf-saddle-numbness=yes"),
    ("The numbness between my legs started last year", "rf-saddle-numbness=yes"),
    ("Yesterday I was numb between my legs", "rf-saddle-numbness=yes"),
    ("My wife and I are numb between the legs", "rf-saddle-numbness=yes"),
    ("My doctor says my foot drags", "rf-foot-drop=yes"),
    ("Still numb where I sit", "rf-saddle-numbness=yes"),
    ("I'm not saying I'm numb but I can't feel when I wipe", "rf-saddle-numbness=yes"),
    ("no, I can't feel when I wipe", "rf-saddle-numbness=yes"),
    ("No. I am numb between my legs.", "rf-saddle-numbness=yes"),
    ("Yes numb between my legs", "rf-saddle-numbness=yes"),
    ("I am numb between my legs, no fever", "rf-saddle-numbness=yes"),
    ("numb between my legs and no fever", "rf-saddle-numbness=yes"),
    ("I have to push to get the urine out", "rf-bladder-change=reduced-sensation"),
    ("I pooped in my pants and did not notice", "rf-bowel-change=leakage"),
    ("there is no sensation when I wipe my bottom", "rf-saddle-numbness=yes"),
    ("It's like sitting on a pillow, I can't feel my seat", "rf-saddle-numbness=yes"),
    ("My vagina is numb since two days", "rf-saddle-numbness=yes"),
    ("my balls are numb", "rf-saddle-numbness=yes"),
    ("I lost the feeling in my crotch", "rf-saddle-numbness=yes"),
    ("Can't get hard anymore", "rf-sexual-change=yes"),
    ("my leg collapsed under me yesterday", "rf-leg-weakness=one"),
    ("Left foot is dragging since Sunday", "rf-foot-drop=yes rf-foot-drop=left"),
    ("my foot hangs down", "rf-foot-drop=yes"),
    ("I can't walk on my heels", "rf-foot-drop=yes"),
    ("I'm paralyzed from the waist down", "rf-leg-weakness=both"),
    ("I have 39.2 fever", "rf-fever-chills=yes"),
    ("fever 101", "rf-fever-chills=yes"),
    ("I feel hot and shivery", "rf-fever-chills=yes"),
    ("soaked sheets every night", "rf-night-sweats=yes"),
    ("lost 10 kilos in two months", "rf-weight-loss=yes"),
    ("The pain doesn't let me sleep, whatever I do", "rf-night-pain=yes"),
    ("I fell from a ladder this morning", "rf-trauma=major rf-trauma=minor"),
    ("hit by a bus yesterday", "rf-trauma=major"),
    ("my right leg is ice cold and white", "rf-cold-pale-leg=yes"),
    ("my toes are blue and cold since this morning", "rf-cold-pale-leg=yes"),
    ("I have tingling in both feet that climbs up", "rf-numbness-spread=days"),
    ("the numb area is getting bigger every day", "rf-numbness-spread=days"),
    ("I was diagnosed with prostate cancer last month", "rf-cancer-history=active"),
    ("I take cortisone every day for 5 months", "rf-steroid-3mo=yes"),
    ("I shoot up heroin", "rf-ivdu=yes"),
    ("I'm HIV positive", "rf-immunosuppressed=yes"),
    ("I had a spinal injection two weeks ago", "rf-recent-infection-or-spinal-procedure=yes"),
    ("My saddle is numb", "rf-saddle-numbness=yes"),
    ("my husband noticed that I have been wetting the bed", "rf-bladder-change=new-leakage"),
    ("I'm incontinent since yesterday", "rf-bladder-change=new-leakage"),
    ("no fever but chills", "rf-fever-chills=yes"),
    ("It is numb down there", "rf-saddle-numbness=yes"),
    ("Not numb before, now numb between the legs", "rf-saddle-numbness=yes"),
]

UNCLEAR = [
    "I had numbness between my legs",
    "My wife says he can't feel when he wipes",
    "Should I worry if I am numb between my legs",
    "If I am numb between my legs should I come in?",
    "Is numbness between the legs dangerous?",
    "I don't have no numbness between my legs",
    "It's not that I am not numb",
    "I can't say I'm not numb",
    "No numbness except between my legs",
    "My legs feel weak when I walk",
    "the tingling is slowly spreading over years",
    "pain in both legs",
    "👍",
    "no puedo orinar desde ayer",
    "Hello doctor how are you, no puedo orinar desde ayer",
    "I might be numb between my legs",
    "I am not sure if I can feel when I wipe",
    "The leaflet says numbness between the legs is an emergency",
    "I have numbness in my foot",
    "My leg goes numb when I walk",
    "no fever, numb between my legs since yesterday",
    "Fever? No.",
    "last year I had numbness but now it is back",
    "asdf qwer zxcv",
    "zzz",
    "I nearly wet myself",
    "I don't know why I'm numb between my legs",
    "I can't do the exercises with numbness between my legs",
    "My bladder is not fine",
    "I don't pee normally",
    "My bladder used to be fine but not any more",
    "I had numbness last year. It is back.",
    "I can't walk",
    "My immune system is weak",
    "He can't pee",
    "Do you think my foot drop is serious?",
    "I read that incontinence is a sign of cauda equina",
    "I'm worried about losing control of my bladder",
    "I don't think I am numb",
    "the numbness between my legs is better",
    "Three weeks ago I was numb between my legs",
    "I have numbness like last year",
    "my leg isn't as weak as before",
    "not as numb as yesterday",
    "Bladder problems? none",
    "Bonjour docteur, je ne sens plus rien entre les jambes",
    "мне плохо",
    "我的腿麻了",
    "no siento nada",
    "???",
    "numb",
    "weak",
    "pee",
    "I don't have no bladder problems",
    "never not numb",
    "fever no, numb between legs yes",
    "My bladder feels weird",
    "I cannot tell when I need to pee",
    "I dribble after peeing",
    "I don't notice when I leak",
    "I had an accident this morning, I didn't make it to the toilet",
    "I can't stand on my toes",
    "my legs don't obey me",
    "both legs went numb this morning",
    "I can't feel my feet",
    "I can pee but I can't feel it",
    "I can't feel if I'm peeing",
    "I don't have numbness anywhere except around my anus",
    "The numbness has moved from my leg to between my legs",
    "",
    "   ",
    "I am fine today and all is well with me, ich habe seit gestern kein gefuehl",
    "hallo wie, geht es",
    "It's not that I am not numb, no loss of bladder control",
    "It is not true that I can't pee",
]

NOTHING = [
    "I don't have any numbness",
    "no numbness or tingling anywhere",
    "not numb",
    "I am not numb between my legs",
    "I have no numbness, weakness or bladder problems",
    "no numbness, tingling, or fever",
    "I never had numbness down there",
    "The numbness between my legs has gone away",
    "I used to be numb between the legs",
    "Two years ago I had numbness between my legs",
    "My wife has numbness between her legs",
    "What if I become numb between my legs?",
    "Should I worry if my foot goes numb?",
    "My bladder is fine",
    "I can pee normally",
    "bowel and bladder are normal",
    "my leg is not weak",
    "I can walk further now",
    "I have hay fever",
    "no fever",
    "Temperature 37.2",
    "fewer problems this week",
    "I lost weight on purpose with a diet",
    "I want to lose weight, any tips?",
    "my mother had cancer",
    "I fell asleep early",
    "I had a car accident in 2015",
    "My feet are always cold",
    "I walked 800 m today and it was great",
    "Can I move my appointment to Tuesday?",
    "Thank you doctor",
    "ok",
    "7/10",
    "The pain is 4 out of 10 today",
    "I did my stretches twice today and went shopping",
    "neither numb nor weak",
    "I deny any numbness",
    "My daughter has a fever",
    "numbness: none",
    "My foot doesn't drag",
    "my foot does not drag anymore",
    "my foot no longer drags",
    "I can't wait to start the exercises",
    "I haven't wet myself",
    "No accidents, no leaks",
    "I do not have numbness between my legs and my foot does not drag",
    "no loss of bladder control",
    "I have not lost control of my bladder",
    "There is no weakness in my legs",
    "I have no problem peeing",
    "bladder and bowels are fine",
    "I have not had any loss of feeling",
    "there has never been any weakness",
    "Nothing new, no numbness, no weakness, no fever.",
    "No new symptoms",
    "Pain is worse today",
    "I do not drag my foot",
    "Everything is fine, no red flags",
    "not numb where I sit any more",
    "I am no longer numb",
    "I can't walk far",
    "My temperature is 36.9",
    "My friend had a fall",
    "My mother in law is incontinent",
    "In case I get numb, whom do I call?",
    "When should I call if my legs get weak?",
    "When I was 20 I wet the bed",
    "pain free and no numbness today",
    "No fever today.",
    "There's no blood, no leakage, no numbness",
    "Without any numbness I walked a mile",
    "I have no bladder or bowel problems",
    "My back is stiff in the morning",
    "I walked 20 minutes with the cart, pain went from 3 to 5",
    "When is my next appointment with the physiotherapist?",
    "The heating pad helps a lot",
    "Can you send me the video again?",
    "I slept well",
    "Good morning, I did all exercises yesterday and today.",
    "both legs",
    "Everything the same",
    "I feel fine today, Joerg Mueller",
    "thanks Joerg",
]

FRAMES = [
    "Thanks doctor, {}",
    "{}, thanks",
    "I walked 20 minutes today and {}",
    "{} and I walked today",
    "The pain is better but {}",
    "I am fine. {}",
    "{} :(",
    "My wife is fine. {}",
    "I don't want to bother you but {}",
    "hi {}",
    "{} Is that ok?",
    "I feel good, however {}",
    "Not sure if important: {}",
    "My physio said I should tell you that {}",
]


def said(reading: Reading) -> set[str]:
    return {f"{s.link_id}={'yes' if s.value == 'LA33-6' else s.value}" for s in reading.statements}


@pytest.mark.parametrize(("text", "expected"), RAISES)
def test_a_positive_current_statement_of_the_patient_raises_its_item(text, expected):
    assert said(read([text], VOCABULARY)) == set(expected.split())


@pytest.mark.parametrize("text", UNCLEAR)
def test_what_cannot_be_decided_or_read_goes_to_a_clinician(text):
    reading = read([text], VOCABULARY)
    assert reading.unclear
    assert not reading.statements


@pytest.mark.parametrize("text", NOTHING)
def test_negation_the_past_other_people_hypotheticals_and_plain_talk_set_nothing(text):
    assert read([text], VOCABULARY) == Reading()


def test_a_message_without_text_is_unclear():
    assert read([], VOCABULARY) == Reading((), unclear=True)


def test_every_statement_names_an_item_of_the_intake_form_and_one_of_its_answers():
    form = json.loads((PROFILES / "Questionnaire" / "lbp-lss-intake.json").read_text())
    items = {item["linkId"]: item for group in form["item"] for item in group["item"]}
    for phrase in VOCABULARY.statements:
        options = {option["valueCoding"]["code"] for option in items[phrase.link_id]["answerOption"]}
        side_unsaid = phrase.link_id == "rf-foot-drop" and phrase.answer == "LA33-6"
        assert phrase.answer in options or side_unsaid, phrase.code


def test_every_cue_that_a_phrase_names_exists():
    named = {
        cue
        for phrase in (*VOCABULARY.statements, *VOCABULARY.suspects)
        for cue in (phrase.cancelled_by, phrase.doubted_by, phrase.needs)
        if cue
    }
    assert named <= set(VOCABULARY.cues)


@pytest.mark.parametrize("frame", FRAMES)
def test_other_words_around_a_statement_never_silence_it(frame):
    silent = []
    for text, _ in RAISES:
        framed = frame.format(text.rstrip(".?! "))
        reading = read([framed], VOCABULARY)
        if not reading.statements and not reading.unclear:
            silent.append(framed)
    assert silent == []


@pytest.mark.parametrize("frame", FRAMES)
def test_other_words_around_plain_talk_never_make_a_statement_of_it(frame):
    framed = [frame.format(text.rstrip(".?! ")) for text in NOTHING]
    assert [text for text in framed if read([text], VOCABULARY).statements] == []


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("rgoin", "groin"),
        ("agroin", "groin"),
        ("weaknees", "weakness"),
        ("injectiom", "injection"),
        ("thumb", "thumb"),
        ("painting", "painting"),
    ],
)
def test_a_slip_or_in_a_longer_word_two_is_mended_and_no_more(typed, meant):
    assert list(sentences(typed, VOCABULARY)) == [(f"{meant} ", False)]


@settings(deadline=None, max_examples=50)
@given(st.lists(st.sampled_from([text for text, _ in RAISES] + UNCLEAR + NOTHING), min_size=1, max_size=4))
def test_another_text_never_takes_a_statement_away(texts):
    alone = set().union(*(said(read([text], VOCABULARY)) for text in texts))
    assert said(read(texts, VOCABULARY)) == alone


@settings(deadline=None, max_examples=50)
@given(st.text(max_size=300))
def test_any_text_is_read_without_an_error(text):
    read([text], VOCABULARY)
