//! Lists of words by what they mean for a drawing.

/// Words that join or accompany others without meaning of their own for a drawing.
pub(super) const FUNCTION_WORDS: &str = "a an the and is are was were be been being it its their his her him he she they them there with of \
    that which while as at from to for each other all both up down out together very one's \
    this these those has have had another some so about after during then what \
    how who when where if can could will would did does do it's you we us our my \
    your because every any own themselves himself herself itself forth again \
    someone something everyone two's just also too";

/// How something is done or is, where no drawing shows it.
pub(super) const ADVERBS: &str = "carefully gently softly gracefully lazily contentedly completely happily peacefully quietly slowly \
    quickly proudly playfully perfectly excitedly eagerly calmly patiently joyfully nervously obediently bravely \
    romantically weightlessly properly impatiently freshly beautifully brightly elegantly majestically delicately \
    effortlessly comfortably neatly silently steadily swiftly smoothly loudly cheerfully casually intently really \
    early finally simply easily lightly tightly warmly sweetly merrily skillfully expertly deftly busily anxiously \
    curiously confidently boldly fiercely wildly cautiously passionately enthusiastically diligently securely firmly \
    cozily snugly serenely tenderly lovingly dutifully gleefully";

/// Words that deny, or leave open, what would be drawn.
pub(super) const REFUSED: &str =
    "not no without but instead except or nor never neither none cannot hardly barely rarely nearly";

/// Words that put one thing into another, or out of it: no drawing shows that, though it may show a place.
pub(super) const ENCLOSING: &str = "in into inside within through until against outside off";

/// Of those, the ones that say where something is not.
pub(super) const EXCLUDING: &str = "outside until off";

/// Adjectives whose lack nobody would see in a flat drawing.
pub(super) const PLAIN_ADJECTIVES: &str = "nice good pretty favourite \
    joyful ready relaxed awestruck important formal motivational heartfelt catchy interesting animated \
    sparkling shimmering glittering flickering dazzling gleaming glistening stunning thrilling breathtaking \
    refreshing soothing piercing striking inviting mesmerizing tempting tantalizing challenging comforting \
    satisfying threatening imposing bustling lively exhilarating charming welcoming calming enchanting fascinating \
    interesting captivating rewarding unsuspecting \
    soft hard smooth warm cool cold hot bright sharp sweet shiny delicate vibrant natural juicy crisp \
    crunchy heavy beautiful cozy fragrant dull polished old new fresh sleek deep light plush sturdy \
    clean lovely fancy elegant cute modern vintage young happy famous ripe tired dry sticky glossy rich \
    sour tart creamy velvety bold calm quiet busy great perfect delicious crispy unique simple handmade \
    majestic graceful gentle playful romantic festive favorite comfortable single plain hardcover \
    functional stylish solid blunt loud silky stainless spacious electronic parked pristine chilly \
    tropical local foreign hiking sports dining cutting serving living toy sweet-smelling vast scenic \
    historic exotic rare classic late early final friendly lazy curious proud determined public social \
    human national special different amazing stunning breathtaking mesmerizing relaxing exciting \
    thrilling peaceful real virtual imaginary wild ancient gourmet healthy personal live lone main \
    deserted sunny windy matching fuzzy-looking birthday christmas golf wedding party makeup butternut \
    syrup engagement construction bonsai bouncy storage gift hair caution grocery laundry slippery slimy \
    squishy brittle tough tender fragile";

pub(super) const ACTIONS: &str = "grilling milking framing changing plating emceeing diving shooting blowing rolling fluttering \
    jumping go goes pass build beat win compete return travel score stroll break jump roar zoom moved move scratch \
    spends spend see sees find finds learn learns get gets give gives show shows bring brings improve express \
    explore relax enjoy save help stay meet greet celebrate create capture feel taste hear rehearse perform \
    entertain impress prepare serve clean fix cook bake write draw paint study train exercise meditate rang rings \
    wagged cooked crossed cluttered holding playing looking wearing walking feeling watching taking standing sitting running enjoying \
    making creating trying practicing singing admiring having giving getting jumping wagging speaking marveling \
    hiking fixing exploring doing working waiting shopping riding reading performing lying learning fishing \
    examining dancing climbing catching barking writing using typing studying pretending laughing jogging \
    chasing capturing talking strumming smiling sharing sewing searching recording preparing lounging flying \
    directing decorating conducting cheering bringing attending waving watering tuning tossing throwing telling \
    teaching swaying styling snuggling sniffing sketching signing showing serving scratching savoring rehearsing \
    racing putting pushing pulling presenting planning picking petting observing navigating meditating leading \
    kayaking joking helping harvesting hanging going frowning feeding cooking cooing chatting checking browsing \
    brainstorming baking blooming weeping wanting visiting tying twirling trekking training touring toasting \
    tending tasting tapping swimming strolling stretching stepping staring stargazing spinning speeding snoring \
    snoozing snacking slithering skipping skating skateboarding sipping shouting seeing scurrying scrolling \
    screaming scoring sailing rushing roaring reminiscing questioning purring protecting paddling packing \
    organizing operating offering networking napping mooing measuring mastering landing knitting jotting \
    interviewing installing hugging howling heading growling grinning greeting grading giggling gazing gardening \
    floating finishing finding fidgeting fetching encouraging driving dribbling dreaming drafting discussing \
    designing delivering cuddling cruising croaking crawling crafting contemplating composing competing cleaning \
    choosing chirping chewing celebrating canoeing camping buzzing buying bouncing bonding birdwatching begging \
    beaming backpacking asking appreciating resting perching gathering grazing hopping leaping sleeping eating \
    drinking listening carrying relaxing swinging trotting galloping prancing pecking quacking soaring gliding \
    wandering roaming drifting racing parked competing coaching guarding honking chugging providing adding rocking \
    posing leaning wearing rowing surfing cycling skiing inspecting repairing assembling collecting sorting counting \
    solving thinking wondering speeding cruising guiding cradling clutching gripping stroking rubbing patting \
    licking nibbling sunbathing exercising juggling balancing kneeling crouching squatting whispering humming \
    whistling clapping texting calling filming photographing selling ordering paying sat stood lay rested floated flew swam perched nestled leaned filled played adorned decorated \
    created completed entertained captured buzzed soared gathered chatted rang grazed kept enjoyed \
    hummed stacked packed carried waved hopped scurried roamed wagged sailed crossed raced lined waited \
    croaked clucked watched stared attracted performed placed displayed held hangs hang hung sits sit \
    stands stand lies lie rests rest mounted parked positioned arranged propped cooked pitched snapped \
    jingled rumbled leaped churned lived worked provided added amplified sparkled snorted darted made \
    balanced wedged suspended rolled drove zoomed bloomed wrote lounged drifted climbed crawled glided \
    slithered pulled set fell landed shone cast flowed danced bounced hugged surrounded tied attached \
    worn seated posed opens closes float floats flies fly drift drifts holds hold supports support lays \
    plays play provide provides keeps keep complement complements gleam gleams clink clinks stirs stir \
    looks look takes take reads swims runs run walks walk jumps features feature adds add hold make \
    makes await decorate dangled glistened sparkles shines used cleaned read ride reach catch walked ran \
    took gave got rode drank ate wears carries displayed hanged topped leans contrasted snuggled curled \
    napped sprawled";

/// Words for what no drawing shows: feelings, sounds, purposes, never visible parts such as `tail`. They are understood, and nothing is drawn for them.
pub(super) const UNSEEN: &str = "sadness disappointment ease hello goodbye project presentation test solo photography podcast \
    experiment experiments fundraiser festival business noises roar awe-struck skydiving snorkeling motivation \
    craftsmanship knowledge melody artistry martial masterpiece aerobics ballet calligraphy origami pottery chess fun skills skill song songs tune speech story stories notes music sounds sound sense feeling love \
    life beauty world time day morning afternoon evening moment game games way work talent performance \
    wonder awe joy pride happiness peace comfort warmth atmosphere ambiance charm melody voice voices \
    laughter adventure exercise workout health speed balance strength energy excitement adrenaline rush \
    dance routine practice class lesson conversation chat company companionship memories dreams thoughts \
    ideas problem problems math science history art arts architecture design style fashion color colors \
    texture shape shapes size view views sight sights scenery surface edge top bottom left right middle \
    inside outside end others help advice taste flavor smell scent aroma sleep nap rest trip journey \
    vacation holiday party wedding event concert meeting race contest competition show movie video news \
    directions goal goals trick tricks photo-shoot display harmony contrast nature weather breeze wind \
    sunshine light shade heat cold summer winter spring autumn yoga tennis soccer karaoke hopscotch \
    gymnastics meditation barbecue bite bites owner's distance speed-limit fetch tag turn turns sip shot \
    shots tips money's loved ones loved chores errands laundry homework job interview challenge \
    mysteries puzzle's mystery secrets romance celebration tradition culture language words letters' \
    perfection precision care attention focus patience effort purpose reflection calmness quietness \
    bath-time ride";
